// Hooks for subscriptions to streams.
import type { RefObject } from 'preact';
import { useEffect, useReducer, useState } from 'preact/hooks';
import type { Stream, Subscription } from '@chattok/sdk';
import type { Meeting } from '../model/meeting';

/** Subscribes to a stream while the component is mounted, and renders again when the subscription changes. */
export function useSubscription(
  meeting: Meeting,
  stream: Stream | undefined,
  element: RefObject<HTMLVideoElement | null>,
): Subscription | undefined {
  const [subscription, setSubscription] = useState<Subscription>();
  const [, changed] = useReducer((count: number) => count + 1, 0);
  const id = stream?.id;
  useEffect(() => {
    if (stream === undefined || element.current === null) return undefined;
    const mine = meeting.session.subscribe(stream, element.current);
    setSubscription(mine);
    const end = mine.onChange(() => changed(undefined));
    return () => {
      end();
      mine.close();
    };
    // `stream` is a new object after each update, so the effect depends on its id.
  }, [meeting, id]);
  return subscription;
}

const interval = 4_000; // milliseconds between samples of the statistics
const slowRoundTrip = 450; // milliseconds
const lossy = 0.08; // share of lost packets
const choppy = 4; // frames per second

/** Describes the network problem of a subscription in words; undefined if there is none. */
export function useQuality(subscription: Subscription | undefined): string | undefined {
  const [quality, setQuality] = useState<string>();
  useEffect(() => {
    if (subscription === undefined) return undefined;
    let ended = false;
    let bad = 0;
    const look = async (): Promise<void> => {
      const stats = await subscription.stats().catch(() => []);
      const fault = stats.map((item) => judge(item, subscription)).find((text) => text !== undefined);
      bad = fault === undefined ? 0 : bad + 1;
      if (!ended) setQuality(bad < 2 ? undefined : fault); // a single bad sample is ignored
    };
    const timer = setInterval(() => void look(), interval);
    return () => {
      ended = true;
      clearInterval(timer);
    };
  }, [subscription]);
  return quality;
}

type Stats = Awaited<ReturnType<Subscription['stats']>>[number];

function judge(stats: Stats, { stream }: Subscription): string | undefined {
  if (stats.packetLoss > lossy) return `${Math.round(stats.packetLoss * 100)} % lost`;
  if ((stats.roundTripTime ?? 0) > slowRoundTrip) return `${Math.round(stats.roundTripTime ?? 0)} ms round trip`;
  const moving = stats.kind === 'video' && stream.hasVideo && stream.videoType !== 'SCREEN';
  if (moving && stats.framesPerSecond !== undefined && stats.framesPerSecond < choppy) return 'few pictures a second';
  return undefined;
}
