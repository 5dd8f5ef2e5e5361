import type { LevelMeter } from '../types.ts';

/** Samples per measurement: 46 milliseconds at 44.1 kHz. */
const samples = 2048;

/** Creates a level meter for a local stream, such as the microphone before it is published. */
export function meter(media: MediaStream): LevelMeter {
  const context = new AudioContext();
  const analyser = new AnalyserNode(context, { fftSize: samples });
  const source = context.createMediaStreamSource(new MediaStream(media.getAudioTracks()));
  source.connect(analyser);
  const wave = new Float32Array(samples);
  return {
    level() {
      if (context.state === 'suspended' && navigator.userActivation?.hasBeenActive) void context.resume().catch(() => {}); // rejects if closed
      analyser.getFloatTimeDomainData(wave);
      return Math.min(1, Math.max(...wave.map(Math.abs)));
    },
    close() {
      source.disconnect();
      void context.close().catch(() => {}); // already closed
    },
  };
}
