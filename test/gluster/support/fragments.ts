/** What the bricks of a dispersed volume must have of a file. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Codec } from '#src/xlators/cluster/disperse/codec/codec.ts';
import type { Brick } from './bricks.ts';
import { type GlusterVolume, KINDS } from './volume.ts';

/** How many bricks a dispersed volume has and may lose. Undefined if the volume is of another kind. */
export function dispersion({ kind }: GlusterVolume): { readonly n: number; readonly redundancy: number } | undefined {
  const found = /^disperse (\d+) redundancy (\d+)$/.exec(KINDS[kind].words);
  return found === null ? undefined : { n: Number(found[1]), redundancy: Number(found[2]) };
}

/** The bricks that have another fragment of a file than that of its content. */
export function strangeBricks(volume: GlusterVolume, name: string, content: Buffer): Brick[] {
  const { n, redundancy } = dispersion(volume)!;
  const codec = new Codec(n, n - redundancy);
  const rest = (codec.stripe - (content.length % codec.stripe)) % codec.stripe;
  const fragments = codec.encode(Buffer.concat([content, Buffer.alloc(rest)]));
  return volume.bricks.filter(({ index, path }) => !readFileSync(join(path, name)).equals(fragments[index]!));
}
