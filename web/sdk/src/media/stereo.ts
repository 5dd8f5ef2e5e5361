// Opus is sent in stereo only if the receiver asks for it with `stereo=1` (RFC 7587, section 6.1). Browsers never ask by
// themselves, so the SDK edits the SDP.

/**
 * Sets `stereo=1` in the audio sections of an offer for which `wanted` returns true, and removes it from the others.
 * `wanted` is called with the section's mid.
 */
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
    return start + others.concat(both ? 'stereo=1' : []).join(';');
  });
}
