/** OpenTok's log levels: messages up to the chosen one are written to the console. */
export const levels = { NONE: 0, ERROR: 1, WARN: 2, INFO: 3, LOG: 4, DEBUG: 5 } as const;

let level: number = levels.WARN;

export function setLogLevel(to: number): void {
  level = to;
}

/** Warns that a request of the page can't be met. */
export function warn(message: string): void {
  if (level >= levels.WARN) console.warn(`OT: ${message}`);
}

export function log(message: string): void {
  if (level >= levels.LOG) console.log(`OT: ${message}`);
}

export function info(message: string): void {
  if (level >= levels.INFO) console.info(`OT: ${message}`);
}
