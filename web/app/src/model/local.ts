// The person's own tracks, from the pre-join view through the whole session: which there are, which are muted, and how
// loud the microphone is.
import { batch, computed, effect, signal } from '@preact/signals';
import { blurBackground, openTrack, problemOf, type MediaProblem } from './devices';
import { choices, choose } from './storage';

type Kind = 'audio' | 'video';

/** One's own microphone or camera. */
export interface LocalTrack {
  /** The live track; undefined where it is closed, or can't be had. */
  readonly track: MediaStreamTrack | undefined;
  /** Whether it shall be seen or heard. A muted microphone stays open, so that it is back at once. */
  readonly on: boolean;
  /** Whether it is being opened. */
  readonly opening: boolean;
  /** Why it can't be had. */
  readonly problem: MediaProblem | undefined;
}

const off: LocalTrack = { track: undefined, on: false, opening: false, problem: undefined };

const state = { audio: signal<LocalTrack>(off), video: signal<LocalTrack>(off) };

export const microphone = state.audio;
export const camera = state.video;

/** Which devices are being opened; a browser may be asking the person meanwhile. */
export const opening = computed(() => (['audio', 'video'] as const).filter((kind) => state[kind].value.opening));

/** Whether the person may send at all: who listens opens no device. */
export const sends = signal(true);

// A track that arrives after it was no longer wanted is stopped, not used.
const turn = { audio: 0, video: 0 };

let openingChosen: Promise<void> | undefined;

/** Opens what was on the last time; each that fails says why, and none keeps the other. */
export function openChosen(): Promise<void> {
  // The room asks again what the pre-join view may still be waiting for.
  openingChosen ??= openWanted().finally(() => {
    openingChosen = undefined;
  });
  return openingChosen;
}

async function openWanted(): Promise<void> {
  if (!sends.peek()) return;
  const wanted = (['audio', 'video'] as const).filter((kind) => choices.value[kind] && state[kind].value.track === undefined);
  // One after the other: two requests at once are two questions on top of each other in some browsers.
  for (const kind of wanted) if (sends.peek()) await open(kind);
}

/** Says whether the person may send; who may not has no device open. */
export function allowSending(may: boolean): void {
  sends.value = may;
  if (!may) closeAll();
}

/** Switches the microphone or camera on or off, and remembers the choice. */
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

/** Mutes the microphone, and leaves it open. */
export function mute(): void {
  const { track } = microphone.value;
  if (track === undefined) return;
  track.enabled = false;
  microphone.value = { ...microphone.value, on: false };
}

/** Opens the device that is chosen now, in place of the one that is on. */
export async function reopen(kind: Kind): Promise<void> {
  if (state[kind].value.track !== undefined) await open(kind);
}

/** Stops a track, so that the device's light goes out. */
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
    // A copy, so that each attempt's problem is told from the one before.
    state[kind].value = { ...before, opening: false, problem: { ...problemOf(error, kind) } };
  }
}

/** A device that was pulled out, or taken away by the browser. */
function ended(kind: Kind, track: MediaStreamTrack): void {
  if (state[kind].value.track !== track) return;
  const device = kind === 'audio' ? 'microphone' : 'camera';
  state[kind].value = { ...off, problem: { code: 'missing', text: `The ${device} has gone.` } };
}

/** How loud the microphone is, 0 to 1, about ten times a second while anything watches it. */
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

/** Measures one track until it is told to end. */
export function meter(track: MediaStreamTrack, tell: (level: number) => void): () => void {
  const context = new AudioContext();
  const analyser = context.createAnalyser();
  analyser.fftSize = 2_048;
  // A copy, which is never muted: who talks while muted is to be told.
  const copy = track.clone();
  copy.enabled = true;
  context.createMediaStreamSource(new MediaStream([copy])).connect(analyser);
  const samples = new Float32Array(analyser.fftSize);
  const timer = setInterval(() => {
    analyser.getFloatTimeDomainData(samples);
    let sum = 0;
    for (const sample of samples) sum += sample * sample;
    // −60 dB is silence, 0 dB the loudest there is.
    const decibel = 10 * Math.log10(sum / samples.length + 1e-9);
    tell(Math.min(1, Math.max(0, (decibel + 60) / 55)));
  }, 100);
  return () => {
    clearInterval(timer);
    copy.stop();
    void context.close();
  };
}
