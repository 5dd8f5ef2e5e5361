// The user's own microphone and camera, from the pre-join page to the end of the session: whether they are open or muted,
// and the microphone's level.
import { batch, computed, effect, signal } from '@preact/signals';
import { blurBackground, openTrack, problemOf, type MediaProblem } from './devices';
import { choices, choose } from './storage';

type Kind = 'audio' | 'video';

export interface LocalTrack {
  /** The live track; undefined while closed or unavailable. */
  readonly track: MediaStreamTrack | undefined;
  /** Whether others can hear or see it. A muted microphone stays open, so that unmuting is instant. */
  readonly on: boolean;
  readonly opening: boolean;
  /** The reason why it is unavailable. */
  readonly problem: MediaProblem | undefined;
}

const off: LocalTrack = { track: undefined, on: false, opening: false, problem: undefined };

const state = { audio: signal<LocalTrack>(off), video: signal<LocalTrack>(off) };

export const microphone = state.audio;
export const camera = state.video;

/** The devices that are being opened. The browser may be asking the user for permission meanwhile. */
export const opening = computed(() => (['audio', 'video'] as const).filter((kind) => state[kind].value.opening));

/** Whether the user may publish. With role SUBSCRIBER no device is opened. */
export const sends = signal(true);

// Counts the requests for each device. A track that arrives for an earlier request is stopped.
const turn = { audio: 0, video: 0 };

let openingChosen: Promise<void> | undefined;

/**
 * Opens the devices that were on in the last session. Each reports its own problem; one failure does not affect the other.
 */
export function openChosen(): Promise<void> {
  // The room calls this too while the pre-join page's call may still be pending.
  openingChosen ??= openWanted().finally(() => {
    openingChosen = undefined;
  });
  return openingChosen;
}

async function openWanted(): Promise<void> {
  if (!sends.peek()) return;
  const wanted = (['audio', 'video'] as const).filter((kind) => choices.value[kind] && state[kind].value.track === undefined);
  // One at a time: some browsers would show two permission prompts on top of each other.
  for (const kind of wanted) if (sends.peek()) await open(kind);
}

/** Sets whether the user may publish; if not, all devices are closed. */
export function allowSending(may: boolean): void {
  sends.value = may;
  if (!may) closeAll();
}

/** Turns the microphone or camera on or off, and remembers the choice. */
export async function toggle(kind: Kind): Promise<void> {
  const { track, on, opening } = state[kind].value;
  if (on || opening) {
    choose(kind === 'audio' ? { audio: false } : { video: false });
    if (kind === 'audio' && track !== undefined && !opening) mute();
    else close(kind);
    return;
  }
  choose(kind === 'audio' ? { audio: true } : { video: true });
  if (track === undefined) {
    await open(kind);
  } else {
    track.enabled = true;
    state[kind].value = { ...state[kind].value, on: true };
  }
}

/** Mutes the microphone without closing it. */
export function mute(): void {
  const { track } = microphone.value;
  if (track === undefined) return;
  track.enabled = false;
  microphone.value = { ...microphone.value, on: false };
}

/** Replaces an open device with the one that is now selected. */
export async function reopen(kind: Kind): Promise<void> {
  if (state[kind].value.track !== undefined) await open(kind);
}

/** Stops a track and so turns off the device's indicator light. */
export function close(kind: Kind): void {
  turn[kind]++;
  state[kind].value.track?.stop();
  state[kind].value = off;
}

export function closeAll(): void {
  close('audio');
  close('video');
}

async function open(kind: Kind): Promise<void> {
  const mine = ++turn[kind];
  const before = state[kind].value;
  state[kind].value = { ...before, opening: true, problem: undefined };
  try {
    const track = await openTrack(kind);
    if (kind === 'video') void blurBackground(track, choices.peek().blur);
    if (mine !== turn[kind]) {
      track.stop();
      return;
    }
    track.addEventListener('ended', () => ended(kind, track));
    const on = before.track === undefined || before.on;
    track.enabled = on;
    batch(() => {
      before.track?.stop();
      state[kind].value = { track, on, opening: false, problem: undefined };
    });
  } catch (error) {
    if (mine !== turn[kind]) return;
    // A new object, so that views can tell this problem from an earlier one.
    state[kind].value = { ...before, opening: false, problem: { ...problemOf(error, kind) } };
  }
}

/** Handles a device that was unplugged or taken away by the browser. */
function ended(kind: Kind, track: MediaStreamTrack): void {
  if (state[kind].value.track !== track) return;
  const device = kind === 'audio' ? 'microphone' : 'camera';
  state[kind].value = { ...off, problem: { code: 'missing', text: `The ${device} has gone.` } };
}

/** Calls `tell` with the microphone's level, 0 to 1, ten times a second. Returns a function that stops it. */
export function watchLevel(tell: (level: number) => void): () => void {
  let stop = (): void => {};
  const end = effect(() => {
    const track = microphone.value.track;
    stop();
    stop = track === undefined ? () => {} : meter(track, tell);
    if (track === undefined) tell(0);
  });
  return () => {
    end();
    stop();
  };
}

/** Measures the level of a track. Returns a function that stops it. */
export function meter(track: MediaStreamTrack, tell: (level: number) => void): () => void {
  const context = new AudioContext();
  const analyser = context.createAnalyser();
  analyser.fftSize = 2_048;
  // The clone is never muted, so that speech is detected while the microphone is muted.
  const copy = track.clone();
  copy.enabled = true;
  context.createMediaStreamSource(new MediaStream([copy])).connect(analyser);
  const samples = new Float32Array(analyser.fftSize);
  const timer = setInterval(() => {
    analyser.getFloatTimeDomainData(samples);
    let sum = 0;
    for (const sample of samples) sum += sample * sample;
    // The scale begins at −60 dB, which is silence.
    const decibel = 10 * Math.log10(sum / samples.length + 1e-9);
    tell(Math.min(1, Math.max(0, (decibel + 60) / 55)));
  }, 100);
  return () => {
    clearInterval(timer);
    copy.stop();
    void context.close();
  };
}
