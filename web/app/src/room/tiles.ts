// The list of tiles and their layout.
import type { Connection, Publication, Stream } from '@chattok/sdk';
import { arrange, type Box } from './arrange';
import type { Layout } from './view';

/** The content of a tile: another person's stream, the user's own publication, or a person without media. */
export interface TileContent {
  readonly key: string;
  readonly connection: Connection;
  readonly self: boolean;
  readonly screen: boolean;
  /** Set for another person's stream. */
  readonly stream?: Stream;
  /** Set for the user's own publication. */
  readonly publication?: Publication;
}

export interface TileSource {
  readonly self: Connection | undefined;
  readonly connections: readonly Connection[];
  readonly streams: readonly Stream[];
  readonly publications: readonly Publication[];
}

/** Maximum number of tiles for people without video; the others are only counted. */
const quietLimit = 11;

/** Returns the tiles, the user's own last, and the number of people without a tile. */
export function tilesOf({ self, connections, streams, publications }: TileSource): { tiles: TileContent[]; hidden: number } {
  const tiles: TileContent[] = [];
  const seen = new Set<string>();
  for (const stream of streams) {
    const { connection } = stream;
    const screen = stream.videoType === 'SCREEN';
    // A person keeps the same tile when the video starts or stops.
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

/** Returns the keys of the tiles that are shown large; none if all have the same size. */
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
  // With two people both tiles are equal. With three or more, the speaker's tile is large.
  return new Set(tiles.filter(({ self }) => !self).length > 1 && speaking !== undefined ? [speaking.key] : []);
}

/** How many times larger than the user's own picture the tiles must be for it to be placed on top of them. */
const times = 2;

/** Returns the size of the user's own picture on top of the stage; undefined if the tiles are too small for that. */
export function selfSize(boxes: readonly Box[], width: number, height: number): { width: number; height: number } | undefined {
  const own = Math.round(Math.max(88, Math.min(width * 0.22, height * 0.4, 224)));
  const size = { width: own, height: Math.round(own * 0.64) };
  const fits = boxes.every((box) => box.height >= times * size.height && box.width >= times * size.width);
  return fits ? size : undefined;
}

/** Returns the positions of the tiles in a container of this size. */
export function layOut(tiles: readonly TileContent[], large: ReadonlySet<string>, width: number, height: number): Box[] {
  const narrow = width < 640;
  return arrange(
    tiles.map((tile) => ({ ...shapeOf(tile), big: large.has(tile.key) })),
    {
      width,
      height,
      maxRatio: narrow ? 4 / 3 : 3 / 4,
      minBig: narrow ? 0.3 : 0.6,
      bigFixed: tiles.some((tile) => tile.screen && large.has(tile.key)), // a screen is not cropped
    },
  );
}

/** Returns the aspect ratio of a tile: that of the screen, or 16:9, to which camera pictures are cropped. */
function shapeOf({ screen, stream }: TileContent): { width: number; height: number } {
  const { width, height } = stream ?? {};
  return screen && width && height ? { width, height } : { width: 16, height: 9 };
}
