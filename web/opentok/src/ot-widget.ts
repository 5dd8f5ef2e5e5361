// The globals OT_Widget and OT_LayoutContainer of OpenTok's first version: all videos of a session in one box of the page, laid
// out again when a stream comes or ends. The script is built on its own and loaded after opentok.js.
import type { Publisher } from './publisher.ts';
import type { Stream } from './roster.ts';
import type { TBSession } from './tb-session.ts';

/** A tile's width divided by its height. */
const ratio = 4 / 3;

/** The element id of the page's own video. */
const ownId = 'opentok_publisher';
const idOf = ({ streamId }: Stream): string => `stream_${streamId}`;

interface Box {
  readonly id: string;
  readonly width: number | undefined;
  readonly height: number | undefined;
}

let box: Box | undefined;

/** The tiles by the ids of their videos, to find a tile whose video is no longer in the page. */
const places = new Map<string, HTMLElement>();

function container(): HTMLElement | null {
  return box ? document.getElementById(box.id) : null;
}

/** Chooses the number of columns that gives the largest tiles; of equal ones the larger number. */
function grid(count: number, width: number, height: number): { columns: number; rows: number; tileWidth: number; tileHeight: number } {
  let best = { columns: 1, rows: count, tileWidth: 0, tileHeight: 0 };
  for (let columns = 1; columns <= count; columns++) {
    const rows = Math.ceil(count / columns);
    const tileWidth = Math.floor(Math.min(width / columns, (height / rows) * ratio));
    if (tileWidth >= best.tileWidth) best = { columns, rows, tileWidth, tileHeight: Math.floor(tileWidth / ratio) };
  }
  return best;
}

const pixels = (style: CSSStyleDeclaration, values: Record<string, number>): void => {
  for (const [name, value] of Object.entries(values)) style.setProperty(name, `${value}px`);
};

const OT_LayoutContainer = {
  /** Sets the box: its element's id, and its size in pixels, or the element's own size where absent. */
  init(id: string, width?: number, height?: number): void {
    box = { id, width: width && Number(width), height: height && Number(height) };
  },

  /** Adds a tile with an element of this id in it, for a video. A publisher's tile lies above the others. */
  addStream(id: string, isPublisher = false): void {
    const tile = document.createElement('div');
    if (isPublisher) tile.style.zIndex = '10';
    tile.append(Object.assign(document.createElement('div'), { id }));
    container()?.append(tile);
    places.set(id, tile);
  },

  /** Removes the tile of the video with this id. A tile that is not there is no error. */
  removeStream(id: string): void {
    places.get(id)?.remove();
    places.delete(id);
  },

  /** Places the tiles in rows, with the last row centred. */
  layout(): void {
    const element = container();
    if (!element || !box) return;
    element.style.position = 'relative';
    if (box.width) pixels(element.style, { width: box.width });
    if (box.height) pixels(element.style, { height: box.height });
    const width = element.clientWidth;
    const height = element.clientHeight || width / ratio;
    const tiles = [...element.children] as HTMLElement[];
    const { columns, rows, tileWidth, tileHeight } = grid(tiles.length, width, height);
    tiles.forEach((tile, i) => {
      const row = Math.floor(i / columns);
      const inRow = row === rows - 1 ? tiles.length - row * columns : columns;
      tile.style.position = 'absolute';
      pixels(tile.style, {
        left: (width - inRow * tileWidth) / 2 + (i % columns) * tileWidth,
        top: (height - rows * tileHeight) / 2 + row * tileHeight,
        width: tileWidth,
        height: tileHeight,
      });
      const [video] = tile.children;
      if (video) Object.assign(video, { width: tileWidth, height: tileHeight }); // numbers, as takeNumbers in widget.ts allows
    });
  },
};

const OT_Widget = {
  /** Publishes the camera and shows all videos in the element with this id, once the session of TB is connected. */
  init(session: TBSession, id: string, width?: number, height?: number): void {
    OT_LayoutContainer.init(id, width, height);
    const begin = (streams: Stream[]) => {
      publish(session);
      subscribe(session, streams);
      OT_LayoutContainer.layout();
    };
    const listen = session.addEventListener.bind(session) as (name: string, handler: (event: { streams: Stream[] }) => void) => void;
    listen('sessionConnected', ({ streams }) => begin(streams));
    listen('streamCreated', ({ streams }) => {
      subscribe(session, streams);
      OT_LayoutContainer.layout();
    });
    listen('streamDestroyed', ({ streams }) => {
      for (const stream of streams) OT_LayoutContainer.removeStream(isOwn(session, stream) ? ownId : idOf(stream));
      OT_LayoutContainer.layout();
    });
    listen('sessionDisconnected', () => [...places.keys()].forEach(OT_LayoutContainer.removeStream));
    if (session.isConnected()) begin(session.streams.where());
  },
};

const isOwn = (session: TBSession, { connection }: Stream): boolean => connection.connectionId === session.connection?.connectionId;

/** Publishes the camera where the role allows it. Its tile is removed where there is no camera, or access is denied. */
function publish(session: TBSession): void {
  if (!session.capabilities.publish) return;
  OT_LayoutContainer.addStream(ownId, true);
  const publisher: Publisher = session.publish(ownId, {}, (error) => {
    if (!error) return;
    publisher.destroy();
    OT_LayoutContainer.removeStream(ownId);
    OT_LayoutContainer.layout();
  });
}

/** Shows streams where the role allows it. */
function subscribe(session: TBSession, streams: Stream[]): void {
  if (!session.capabilities.subscribe) return;
  for (const stream of streams) {
    if (isOwn(session, stream)) continue;
    OT_LayoutContainer.addStream(idOf(stream));
    session.subscribe(stream, idOf(stream));
  }
}

Object.assign(globalThis, { OT_Widget, OT_LayoutContainer });
