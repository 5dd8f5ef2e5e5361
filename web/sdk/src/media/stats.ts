import type { MediaStats } from '../types.ts';

/** Byte counters of the previous reading, by report id; the bitrate is the difference. */
export type Readings = Map<string, { bytes: number; at: number }>;

// The members of WebRTC statistics that the SDK uses (W3C: Identifiers for WebRTC's Statistics API).
interface Report {
  type: string;
  id: string;
  timestamp: number;
  bytesSent?: number;
  bytesReceived?: number;
  packetsSent?: number;
  packetsReceived?: number;
  packetsLost?: number;
  fractionLost?: number;
  jitter?: number;
  roundTripTime?: number;
  currentRoundTripTime?: number;
  frameWidth?: number;
  frameHeight?: number;
  framesPerSecond?: number;
  nominated?: boolean;
  state?: string;
  localCandidateId?: string;
  candidateType?: string;
}

/** Reads the statistics of one sender or receiver. Undefined before any media was sent or received. */
export function read(
  report: RTCStatsReport,
  about: { connectionId: string; streamId: string; kind: 'audio' | 'video' },
  readings: Readings,
): MediaStats | undefined {
  const all = [...(report as unknown as Map<string, Report>).values()];
  const flow = all.find(({ type }) => type === 'outbound-rtp' || type === 'inbound-rtp');
  if (!flow) return undefined;
  const remote = all.find(({ type }) => type === 'remote-inbound-rtp');
  const pair = all.find(({ type, nominated, state }) => type === 'candidate-pair' && nominated && state === 'succeeded');
  const candidate = all.find(({ id }) => id === pair?.localCandidateId);
  const bytes = flow.bytesSent ?? flow.bytesReceived ?? 0;
  const before = readings.get(flow.id);
  readings.set(flow.id, { bytes, at: flow.timestamp });
  const elapsed = before ? flow.timestamp - before.at : 0;
  const seconds = remote?.roundTripTime ?? pair?.currentRoundTripTime;
  const jitter = flow.jitter ?? remote?.jitter;
  return {
    ...about,
    bitrate: before && elapsed > 0 ? Math.max(0, ((bytes - before.bytes) * 8000) / elapsed) : 0,
    packetLoss: lossOf(flow, remote),
    roundTripTime: seconds === undefined ? undefined : seconds * 1000,
    jitter: jitter === undefined ? undefined : jitter * 1000,
    width: flow.frameWidth,
    height: flow.frameHeight,
    framesPerSecond: flow.framesPerSecond,
    relayed: candidate && candidate.candidateType === 'relay',
  };
}

function lossOf(flow: Report, remote: Report | undefined): number {
  const lost = Math.max(0, flow.packetsLost ?? remote?.packetsLost ?? 0);
  const all = flow.packetsSent ?? (flow.packetsReceived ?? 0) + lost;
  return all > 0 ? Math.min(1, lost / all) : 0;
}

/** Merges the reports of several senders or receivers. Entries that they share, such as the transport, appear once. */
export async function merged(parts: readonly (RTCRtpSender | RTCRtpReceiver)[]): Promise<RTCStatsReport> {
  const reports = await Promise.all(parts.map((part) => part.getStats()));
  return new Map(reports.flatMap((report) => [...report])) satisfies RTCStatsReport;
}
