import { expect, test } from 'vitest';
import { withStereo } from '../src/media/stereo.ts';

const section = (kind: string, mid: string, ...lines: string[]) => [`m=${kind} 9 UDP/TLS/RTP/SAVPF 111`, `a=mid:${mid}`, ...lines, ''].join('\r\n');
const opus = (parameters: string) => ['a=rtpmap:111 opus/48000/2', `a=fmtp:111 ${parameters}`, 'a=rtpmap:63 red/48000/2', 'a=fmtp:63 111/111'];
const session = 'v=0\r\no=- 1 2 IN IP4 127.0.0.1\r\ns=-\r\n';

test('both channels where they are wanted, and one elsewhere', () => {
  const sdp = session + section('audio', '0', ...opus('minptime=10;useinbandfec=1')) + section('video', '1', 'a=rtpmap:111 VP8/90000') + section('audio', '2', ...opus('stereo=1;minptime=10'));
  expect(withStereo(sdp, (mid) => mid === '0')).toBe(
    session + section('audio', '0', ...opus('minptime=10;useinbandfec=1;stereo=1')) + section('video', '1', 'a=rtpmap:111 VP8/90000') + section('audio', '2', ...opus('minptime=10')),
  );
  expect(withStereo(withStereo(sdp, () => true), () => true)).toBe(withStereo(sdp, () => true));
});

test('what has no Opus, or no parameters for it, stays as it is', () => {
  for (const lines of [['a=rtpmap:0 PCMU/8000'], ['a=rtpmap:111 opus/48000/2']]) {
    const sdp = session + section('audio', '0', ...lines);
    expect(withStereo(sdp, () => true)).toBe(sdp);
  }
});
