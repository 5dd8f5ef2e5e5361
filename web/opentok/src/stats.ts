// Statistics in OpenTok's form, from the browser's reports.

/** The members of RTCStats that are used (W3C, Identifiers for WebRTC's Statistics API). */
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
  nominated?: boolean;
  availableOutgoingBitrate?: number;
  availableIncomingBitrate?: number;
  pauseCount?: number;
  totalPausesDuration?: number;
  freezeCount?: number;
  totalFreezesDuration?: number;
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

/** The state of the network path, as far as a browser reports it. */
export interface TransportStats {
  connectionEstimatedBandwidth: number;
  networkCondition: 'unknown';
  networkConditionReason: 'unknown';
}

export interface SubscriberStats {
  audio: IncomingTrackStats;
  video: IncomingTrackStats & {
    codec: string;
    width: number;
    height: number;
    /** Bits per second since the last call. */
    bitrate: number;
    totalBitrate: number;
    frameRate: number;
    decodedFrameRate: number;
    pauseCount: number;
    /** Seconds, as the browser reports them. */
    totalPausesDuration: number;
    freezeCount: number;
    totalFreezesDuration: number;
  };
  mediaLink: { transport: TransportStats; remotePublisherTransport: TransportStats; networkDegradationSource: 'none' };
  timestamp: number;
}

export interface PublisherStats {
  audio: OutgoingTrackStats;
  video: OutgoingTrackStats & { frameRate: number };
  mediaLink: { transport: TransportStats };
  transportStats: TransportStats;
  timestamp: number;
}

function reportsOf(report: RTCStatsReport | Map<string, RTCStats>): Report[] {
  return [...(report as unknown as Map<string, Report>).values()];
}

function transportOf(all: Report[]): TransportStats {
  const way = all.find(({ type, nominated }) => type === 'candidate-pair' && nominated);
  const connectionEstimatedBandwidth = way?.availableOutgoingBitrate ?? way?.availableIncomingBitrate ?? 0;
  return { connectionEstimatedBandwidth, networkCondition: 'unknown', networkConditionReason: 'unknown' };
}

export function subscriberStats(report: Map<string, RTCStats>, bitrate: number): SubscriberStats {
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
      bitrate,
      totalBitrate: bitrate,
      frameRate: video?.framesPerSecond ?? 0,
      decodedFrameRate: video?.framesPerSecond ?? 0,
      pauseCount: video?.pauseCount ?? 0,
      totalPausesDuration: video?.totalPausesDuration ?? 0,
      freezeCount: video?.freezeCount ?? 0,
      totalFreezesDuration: video?.totalFreezesDuration ?? 0,
    },
    mediaLink: { transport: transportOf(all), remotePublisherTransport: transportOf([]), networkDegradationSource: 'none' },
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
  const transport = transportOf(all);
  return {
    audio: counts('audio'),
    video: { ...counts('video'), frameRate: Math.max(0, ...rates) },
    mediaLink: { transport },
    transportStats: transport,
    timestamp: Date.now(),
  };
}
