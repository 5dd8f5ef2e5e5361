// The browser's reports in OpenTok's form.

/** Members of RTCStats that matter here (W3C, Identifiers for WebRTC's Statistics API). */
interface Report {
  type: string;
  id: string;
  kind?: string;
  bytesSent?: number;
  bytesReceived?: number;
  packetsSent?: number;
  packetsReceived?: number;
  packetsLost?: number;
  framesPerSecond?: number;
  frameWidth?: number;
  frameHeight?: number;
  codecId?: string;
  mimeType?: string;
}

export interface IncomingTrackStats {
  bytesReceived: number;
  packetsLost: number;
  packetsReceived: number;
}

export interface OutgoingTrackStats {
  bytesSent: number;
  packetsLost: number;
  packetsSent: number;
}

export interface SubscriberStats {
  audio: IncomingTrackStats;
  video: IncomingTrackStats & { codec: string; width: number; height: number; frameRate: number; decodedFrameRate: number };
  timestamp: number;
}

export interface PublisherStats {
  audio: OutgoingTrackStats;
  video: OutgoingTrackStats & { frameRate: number };
  timestamp: number;
}

function reportsOf(report: RTCStatsReport): Report[] {
  return [...(report as unknown as Map<string, Report>).values()];
}

export function subscriberStats(report: RTCStatsReport): SubscriberStats {
  const all = reportsOf(report);
  const inbound = (kind: string) => all.find((each) => each.type === 'inbound-rtp' && each.kind === kind);
  const counts = (flow: Report | undefined): IncomingTrackStats => ({
    bytesReceived: flow?.bytesReceived ?? 0,
    packetsLost: flow?.packetsLost ?? 0,
    packetsReceived: flow?.packetsReceived ?? 0,
  });
  const video = inbound('video');
  return {
    audio: counts(inbound('audio')),
    video: {
      ...counts(video),
      codec: all.find(({ id }) => id === video?.codecId)?.mimeType?.replace('video/', '') ?? '',
      width: video?.frameWidth ?? 0,
      height: video?.frameHeight ?? 0,
      frameRate: video?.framesPerSecond ?? 0,
      decodedFrameRate: video?.framesPerSecond ?? 0,
    },
    timestamp: Date.now(),
  };
}

export function publisherStats(report: RTCStatsReport): PublisherStats {
  const all = reportsOf(report);
  const counts = (kind: string): OutgoingTrackStats => {
    const sum = (type: string, member: 'bytesSent' | 'packetsSent' | 'packetsLost') =>
      all.reduce((total, each) => (each.type === type && each.kind === kind ? total + (each[member] ?? 0) : total), 0);
    return {
      bytesSent: sum('outbound-rtp', 'bytesSent'),
      packetsLost: sum('remote-inbound-rtp', 'packetsLost'),
      packetsSent: sum('outbound-rtp', 'packetsSent'),
    };
  };
  const rates = all.flatMap((each) => (each.type === 'outbound-rtp' && each.kind === 'video' ? [each.framesPerSecond ?? 0] : []));
  return { audio: counts('audio'), video: { ...counts('video'), frameRate: Math.max(0, ...rates) }, timestamp: Date.now() };
}
