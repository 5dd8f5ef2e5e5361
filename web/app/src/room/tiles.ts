// Which tiles there are, and where they lie.
import initLayout, { type Box } from 'opentok-layout-js';
import type { Connection, Publication, Stream } from '@chattok/sdk';
import type { Layout } from './view';

/** What a tile shows: a stream of another, one's own publication, or a person who sends neither. */
export interface TileContent {
  readonly key: string;
  readonly connection: Connection;
  readonly self: boolean;
  readonly screen: boolean;
  /** Another's stream. */
  readonly stream?: Stream;
  /** One's own. */
  readonly publication?: Publication;
}

/** What the tiles are made of. */
export interface TileSource {
  readonly self: Connection | undefined;
  readonly connections: readonly Connection[];
  readonly streams: readonly Stream[];
  readonly publications: readonly Publication[];
}

/** People without a picture that have a tile of their own; the others are counted. */
const quietLimit = 11;

/** The tiles in their order, and how many people have none: others first, oneself last. */
export function tilesOf({ self, connections, streams, publications }: TileSource): { tiles: TileContent[]; hidden: number } {
  const tiles: TileContent[] = [];
  const seen = new Set<string>();
  for (const stream of streams) {
    const { connection } = stream;
    const screen = stream.videoType === 'SCREEN';
    // A person's tile is the same with a picture and without.
    const key = screen || seen.has(connection.id) ? stream.id : connection.id;
    if (!screen) seen.add(connection.id);
    tiles.push({ key, connection, self: false, screen, stream });
  }
  const quiet = connections.filter((connection) => connection.id !== self?.id && !seen.has(connection.id));
  for (const connection of quiet.slice(0, quietLimit)) {
    tiles.push({ key: connection.id, connection, self: false, screen: false });
  }
  if (self !== undefined) tiles.push(...ownTiles(self, publications));
  return { tiles, hidden: Math.max(0, quiet.length - quietLimit) };
}

function ownTiles(self: Connection, publications: readonly Publication[]): TileContent[] {
  const tiles = publications.map((publication, index) => {
    const screen = publication.stream.videoType === 'SCREEN';
    return { key: `own-${screen ? 'screen' : index}`, connection: self, self: true, screen, publication };
  });
  return tiles.some((tile) => !tile.screen) ? tiles : [...tiles, { key: 'own', connection: self, self: true, screen: false }];
}

/** Which tile is large, and with it the others small; none where all shall be equal. */
export function largeTiles(
  tiles: readonly TileContent[],
  pinned: string | undefined,
  speaker: string | undefined,
  layout: Layout,
): Set<string> {
  if (tiles.some((tile) => tile.key === pinned)) return new Set([pinned ?? '']);
  const screens = tiles.filter((tile) => tile.screen && !tile.self);
  if (screens.length > 0) return new Set(screens.map((tile) => tile.key));
  if (layout === 'grid') return new Set();
  const speaking = tiles.find((tile) => tile.stream !== undefined && tile.stream.id === speaker);
  if (layout === 'speaker') return new Set([(speaking ?? tiles.find(({ self }) => !self))?.key ?? '']);
  // Two look at each other as equals; from three on, oneself among them, the one who speaks comes forward.
  return new Set(tiles.filter(({ self }) => !self).length > 1 && speaking !== undefined ? [speaking.key] : []);
}

/** How many times as high and as wide the tiles must be over which one's own picture may lie. */
const times = 2;

/** The size of one's own picture over the stage; undefined where the tiles are so small that it is one of them. */
export function selfSize(boxes: readonly Box[], width: number, height: number): { width: number; height: number } | undefined {
  const own = Math.round(Math.max(88, Math.min(width * 0.22, height * 0.4, 224)));
  const size = { width: own, height: Math.round(own * 0.64) };
  const fits = boxes.every((box) => box.height >= times * size.height && box.width >= times * size.width);
  return fits ? size : undefined;
}

/** Where the tiles lie within a container of this size, in their order. */
export function layOut(tiles: readonly TileContent[], large: ReadonlySet<string>, width: number, height: number): Box[] {
  const layout = initLayout({
    containerWidth: width,
    containerHeight: height,
    minRatio: 9 / 16,
    maxRatio: width < 640 ? 4 / 3 : 3 / 4,
    bigPercentage: 0.8,
    minBigPercentage: width < 640 ? 0.3 : 0.6,
    bigMinRatio: 9 / 16,
    bigMaxRatio: 3 / 4,
    bigFixedRatio: tiles.some((tile) => tile.screen && large.has(tile.key)), // a screen is shown whole
    bigFirst: true,
    scaleLastRow: false, // nobody is larger for being the last
    smallMaxWidth: 360,
    smallMaxHeight: 260,
  });
  const elements = tiles.map((tile) => ({ ...shapeOf(tile), big: large.has(tile.key) }));
  return layout.getLayout(elements).boxes;
}

/** A screen's shape as its publisher says it; everything else is cut to fit. */
function shapeOf({ screen, stream }: TileContent): { width: number; height: number } {
  const { width, height } = stream ?? {};
  return screen && width && height ? { width, height } : { width: 16, height: 9 };
}
