// Opus carries two channels only where the receiver says that it plays them, by `stereo=1` (RFC 7587, section 6.1), which
// browsers offer for no stream by themselves.

/** An offer whose audio says that it plays both channels where `wanted` says so by the section's mid, and one elsewhere. */
export function withStereo(sdp: string, wanted: (mid: string) => boolean): string {
  return sdp
    .split(/(?=^m=)/m)
    .map((section) => (section.startsWith('m=audio') ? withChannels(section, wanted(/^a=mid:(\S+)/m.exec(section)?.[1] ?? '')) : section))
    .join('');
}

function withChannels(section: string, both: boolean): string {
  const [, opus] = /^a=rtpmap:(\d+) opus\/48000/im.exec(section) ?? [];
  if (opus === undefined) return section;
  return section.replace(new RegExp(`^(a=fmtp:${opus} )(.*)$`, 'm'), (_line, start: string, parameters: string) => {
    const others = parameters.trim().split(';').filter((parameter) => !parameter.startsWith('stereo='));
    return start + [...others, ...(both ? ['stereo=1'] : [])].join(';') + (parameters.endsWith('\r') ? '\r' : '');
  });
}
