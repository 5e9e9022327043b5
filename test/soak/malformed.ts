/** Calls that are wrong in one way each, and the exact answer that the way deserves (RFC 5531, RFC 1813). */
import { NFSPROC3, nfsstat3 } from '#protocols/nfs3/constants.ts';
import { LOOKUP3args } from '#protocols/nfs3/names.ts';
import { GETATTR3args } from '#protocols/nfs3/object.ts';
import type { Codec } from '#protocols/xdr/codec.ts';
import { XdrWriter } from '#protocols/xdr/stream.ts';
import { CRED, header } from './call.ts';
import { fragmented } from './line.ts';
import { encoded, type Place, type Planned } from './place.ts';
import type { Random } from './random.ts';

export interface Wrong {
  readonly what: string;
  readonly record: Buffer;
  readonly framed?: (record: Buffer) => Buffer;
  /** As verdictOf says it; after SUCCESS the status. */
  readonly verdict: string;
  readonly status?: nfsstat3;
}

function call<A>(proc: number, args: Codec<A>, value: A): Buffer {
  const to = new XdrWriter();
  args.encode(to, value);
  return Buffer.concat([header({ proc }), to.toBuffer()]);
}

const S = nfsstat3;
const lookup = (dir: Buffer, name: string) => call(NFSPROC3.LOOKUP, LOOKUP3args, { what: { dir, name } });
const getattr = (object: Buffer) => call(NFSPROC3.GETATTR, GETATTR3args, { object });
const whole = (planned: Planned) => Buffer.concat([header({ proc: planned.proc }), encoded(planned)]);
const named = (status: nfsstat3) => ({ verdict: 'SUCCESS', status });

type Make = (place: Place, random: Random) => Wrong;

const WAYS: readonly Make[] = [
  () => ({ what: 'unknown program', record: header({ prog: 100_099 }), verdict: 'PROG_UNAVAIL' }),
  () => ({ what: 'unknown version', record: header({ vers: 2 }), verdict: 'PROG_MISMATCH' }),
  (_, random) => {
    const record = header({ proc: 22 + random.below(1000) });
    return { what: 'unknown procedure', record, verdict: 'PROC_UNAVAIL' };
  },
  () => ({ what: 'another RPC version', record: header({ rpcvers: 3 }), verdict: 'RPC_MISMATCH' }),
  () => {
    const cred = { flavor: 6, body: Buffer.alloc(20) };
    return { what: 'unknown auth flavor', record: header({ cred }), verdict: 'AUTH_REJECTEDCRED' };
  },
  (_, random) => {
    const cred = { flavor: CRED.flavor, body: Buffer.alloc(4 * random.below(4), 0xff) };
    return { what: 'credentials cut', record: header({ cred }), verdict: 'AUTH_BADCRED' };
  },
  (_, random) => {
    // All but NULL have arguments.
    const proc = 1 + random.below(21);
    const record = Buffer.concat([header({ proc }), Buffer.alloc(4 * random.below(3), 0xff)]);
    return { what: `junk as arguments of ${proc}`, record, verdict: 'GARBAGE_ARGS' };
  },
  (place, random) => {
    const record = whole(place.getattr());
    return { what: 'arguments cut', record: record.subarray(0, -4 * (1 + random.below(8))), verdict: 'GARBAGE_ARGS' };
  },
  (place, random) => {
    const record = Buffer.concat([whole(place.lookup()), Buffer.alloc(4 * (1 + random.below(50)))]);
    return { what: 'bytes behind the arguments', record, verdict: 'GARBAGE_ARGS' };
  },
  place => {
    const record = Buffer.concat([header({ proc: NFSPROC3.GETATTR }), Buffer.from('00000041', 'hex'), place.dir]);
    return { what: 'a handle of 65 bytes', record, verdict: 'GARBAGE_ARGS' };
  },
  place => {
    const record = Buffer.concat([header({ proc: NFSPROC3.GETATTR }), Buffer.from('ffffffff', 'hex'), place.dir]);
    return { what: 'a handle of 4 GiB', record, verdict: 'GARBAGE_ARGS' };
  },
  (place, random) => {
    const forged = Buffer.from(place.dir);
    forged[random.below(forged.length)]! ^= 1 << random.below(8);
    return { what: 'a forged handle', record: getattr(forged), ...named(S.NFS3ERR_BADHANDLE) };
  },
  (place, random) => {
    const cut = place.dir.subarray(0, random.below(place.dir.length));
    return { what: 'a cut handle', record: getattr(cut), ...named(S.NFS3ERR_BADHANDLE) };
  },
  (_, random) => {
    const foreign = Buffer.alloc(4 + 4 * random.below(15), random.below(256));
    return { what: 'a foreign handle', record: getattr(foreign), ...named(S.NFS3ERR_BADHANDLE) };
  },
  place => ({ what: 'an empty name', record: lookup(place.dir, ''), ...named(S.NFS3ERR_ACCES) }),
  place => ({ what: 'a name with /', record: lookup(place.dir, '../etc'), ...named(S.NFS3ERR_ACCES) }),
  place => ({ what: 'a name with NUL', record: lookup(place.dir, 'a\0b'), ...named(S.NFS3ERR_ACCES) }),
  (place, random) => {
    const name = 'n'.repeat(256 + random.below(1000));
    return { what: 'a long name', record: lookup(place.dir, name), ...named(S.NFS3ERR_NAMETOOLONG) };
  },
  place => {
    const args = Buffer.concat([
      Buffer.from([0, 0, 0, place.dir.length]),
      place.dir,
      Buffer.from('ffffffff'.repeat(3), 'hex'),
    ]);
    return {
      what: 'a name of 4 GiB',
      record: Buffer.concat([header({ proc: NFSPROC3.LOOKUP }), args]),
      verdict: 'GARBAGE_ARGS',
    };
  },
  // Not wrong at all, only rare: the answer is that of the whole call.
  place => {
    const record = getattr(place.dir);
    const ends = [0, 4, 4, 10, 11, 40];
    return { what: 'odd fragments', record, framed: whole => fragmented(whole, ends), ...named(S.NFS3_OK) };
  },
  place => {
    const record = getattr(place.dir);
    const ends = Array.from({ length: record.length - 1 }, (_, i) => i + 1);
    return { what: 'a fragment a byte', record, framed: whole => fragmented(whole, ends), ...named(S.NFS3_OK) };
  },
];

export const wrong: Make = (place, random) => random.pick(WAYS)(place, random);

/** Bytes after which the server must close the connection. */
export const RUDE: readonly Buffer[] = [
  Buffer.from('ffffffff', 'hex'), // a record of 2 GiB
  Buffer.from('7fffffff', 'hex'), // a first fragment of 2 GiB
  Buffer.from('800000080000000100000000', 'hex'), // half a header, in one record
  Buffer.concat([Buffer.from('80000018', 'hex'), Buffer.alloc(24, 1)]), // a message of no known type
  Buffer.from('GET / HTTP/1.1\r\nHost: localhost\r\n\r\n'),
];
