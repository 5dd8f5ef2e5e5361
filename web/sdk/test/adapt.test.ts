import { expect, test } from 'vitest';
import { limit, limitsFor } from '../src/media/adapt.ts';

test.each([
  ['CAMERA', 1080, 2, 1_500_000, 1.5],
  ['CAMERA', 720, 2, 1_500_000, 1],
  ['CAMERA', 720, 3, 600_000, 2],
  ['CUSTOM', 720, 4, 600_000, 2],
  ['CAMERA', 270, 9, 300_000, 1],
  ['CAMERA', 720, 10, 150_000, 4],
  ['CAMERA', 100, 10, 150_000, 1], // never scaled up
  ['CAMERA', undefined, 10, 150_000, 1],
  ['SCREEN', 2160, 2, 2_500_000, 1],
  ['SCREEN', 2160, 9, 1_200_000, 1],
] as const)('%s of %s lines among %s videos: %s bit/s, divided by %s', (type, height, videos, maxBitrate, scaleResolutionDownBy) => {
  expect(limitsFor(type, height, videos)).toEqual({ maxBitrate, scaleResolutionDownBy });
});

test.each([
  ['CAMERA', 2, 1_500_000, 1],
  ['CAMERA', 4, 1_500_000, 1],
  ['CAMERA', 9, 600_000, 2],
  ['CAMERA', 10, 300_000, 720 / 270],
  ['SCREEN', 9, 1_200_000, 1], // a screen is always sent as a large one
] as const)('%s shown large among %s videos: %s bit/s, divided by %s', (type, videos, maxBitrate, scaleResolutionDownBy) => {
  expect(limitsFor(type, 720, videos, undefined, true)).toEqual({ maxBitrate, scaleResolutionDownBy });
});

test('a bitrate of the page holds where the number of videos allows more', () => {
  expect(limitsFor('CAMERA', 720, 2, 400_000).maxBitrate).toBe(400_000);
  expect(limitsFor('CAMERA', 720, 10, 400_000).maxBitrate).toBe(150_000);
  expect(limitsFor('SCREEN', 720, 2, 400_000).maxBitrate).toBe(400_000);
  expect(limitsFor('CAMERA', 720, 9, 400_000, true).maxBitrate).toBe(400_000);
});

test('the last of several limits holds, and what holds is not set again', async () => {
  let parameters: RTCRtpSendParameters = { encodings: [{}] } as RTCRtpSendParameters;
  let transaction = 0;
  let sets = 0;
  const sender = {
    getParameters: () => structuredClone({ ...parameters, transactionId: String(++transaction) }),
    async setParameters(next: RTCRtpSendParameters) {
      if (next.transactionId !== String(transaction)) throw new DOMException('stale', 'InvalidModificationError');
      await Promise.resolve();
      parameters = next;
      sets++;
    },
  } as unknown as RTCRtpSender;
  const few = limitsFor('CAMERA', 720, 2);
  const many = limitsFor('CAMERA', 720, 9);
  await Promise.all([limit(sender, few), limit(sender, many), limit(sender, many)]);
  expect(parameters.encodings[0]).toMatchObject(many);
  expect(sets).toBe(2);
});
