import type { LevelMeter } from '../types.ts';

/** Samples that a level is taken of: 46 milliseconds at 44.1 kHz. */
const samples = 2048;

/** Measures how loud a local stream is: the camera's microphone before it is published, say. */
export function meter(media: MediaStream): LevelMeter {
  const context = new AudioContext();
  const analyser = new AnalyserNode(context, { fftSize: samples });
  const source = context.createMediaStreamSource(new MediaStream(media.getAudioTracks()));
  source.connect(analyser);
  const wave = new Float32Array(samples);
  return {
    level() {
      if (context.state === 'suspended' && navigator.userActivation?.hasBeenActive) void context.resume().catch(() => {}); // closed
      analyser.getFloatTimeDomainData(wave);
      return Math.min(1, wave.reduce((loudest, value) => Math.max(loudest, Math.abs(value)), 0));
    },
    close() {
      source.disconnect();
      void context.close().catch(() => {}); // closed already
    },
  };
}
