import type { Statfs, Args } from '../../../graph/fops.ts';
import type { Fd } from '../../../graph/inode.ts';
import { Cluster } from '../cluster.ts';
import { Changelog } from './changelog.ts';
import { type Children, has, listOf, only, type Quorum, quorumOf } from './children.ts';
import { Listing } from './listing.ts';
import { Lookups } from './lookups.ts';
import type { options, ReplicateOptions } from './options.ts';
import { Reads } from './reads.ts';
import { Replicas } from './replicas.ts';

/** What cluster/replicate knows of its children, and the fops that change nothing. */
export abstract class ReplicateReads extends Cluster<typeof options> {
  protected readonly replicas = new Replicas({
    children: this.children,
    name: this.name,
    slot: this.slot,
    changelog: new Changelog(this.pendingNames()),
    arbiters: this.options['arbiter-count'] === 0 ? 0 : only(this.children.length - 1),
    log: this.log,
    isQuorum: this.quorumBy(this.options),
    options: this.options,
  });
  protected readonly lookups = new Lookups(this.replicas);
  protected readonly reads = new Reads(this.replicas, this.lookups);
  readonly #listing = new Listing(this.replicas, this.lookups, this.reads);

  override get cookieBits(): number {
    return this.#listing.listings.cookieBits;
  }

  override async fini(): Promise<void> {
    await super.fini();
    this.#listing.listings.close();
  }

  protected override enough(): boolean {
    return this.replicas.isQuorum(this.replicas.up);
  }

  protected pendingNames(): readonly string[] {
    const names = this.options['afr-pending-xattr'];
    return names.length === 0 ? this.childNames : names;
  }

  protected quorumBy(values: ReplicateOptions): Quorum {
    const count = this.children.length;
    const type = values['quorum-type'] ?? (count > 2 ? 'auto' : 'none');
    return quorumOf(count, type === 'fixed' ? (values['quorum-count'] ?? 'auto') : type);
  }

  /** The fd on a child. Where it is not open, since the child was down, the child opens the file as needed. */
  protected fd(fd: Fd, child: number): Fd {
    const opened = fd.slots[this.slot] as Children | undefined;
    return opened === undefined || has(opened, child) ? fd : fd.inode.fd;
  }

  override lookup(...[frame, parent, name, xdata]: Args<'lookup'>) {
    return this.lookups.lookup(frame, parent, name, xdata);
  }

  override discover(...[frame, gfid, hint, xdata]: Args<'discover'>) {
    return this.lookups.discover(frame, gfid, hint, xdata);
  }

  override stat(...[frame, inode, xdata]: Args<'stat'>) {
    return this.reads.read(frame, inode, 'attributes', child => child.stat(frame, inode, xdata));
  }

  override fstat(...[frame, fd, xdata]: Args<'fstat'>) {
    return this.reads.read(frame, fd.inode, 'attributes', (child, i) => child.fstat(frame, this.fd(fd, i), xdata));
  }

  override readlink(...[frame, inode, xdata]: Args<'readlink'>) {
    return this.reads.read(frame, inode, 'metadata', child => child.readlink(frame, inode, xdata));
  }

  override access(...[frame, inode, mask, xdata]: Args<'access'>) {
    return this.reads.read(frame, inode, 'metadata', child => child.access(frame, inode, mask, xdata));
  }

  override readv(...[frame, fd, size, offset, xdata]: Args<'readv'>) {
    return this.reads.read(frame, fd.inode, 'data', (child, i) =>
      child.readv(frame, this.fd(fd, i), size, offset, xdata),
    );
  }

  override seek(...[frame, fd, offset, what, xdata]: Args<'seek'>) {
    return this.reads.read(frame, fd.inode, 'data', (child, i) =>
      child.seek(frame, this.fd(fd, i), offset, what, xdata),
    );
  }

  override readdir(...[frame, fd, size, cookie, xdata]: Args<'readdir'>) {
    return this.#listing.readdir(frame, fd.inode, cookie, (child, i, position) =>
      child.readdir(frame, this.fd(fd, i), size, position, xdata),
    );
  }

  override readdirp(...[frame, fd, size, cookie, xdata]: Args<'readdirp'>) {
    return this.#listing.readdirp(frame, fd.inode, cookie, (child, i, position) =>
      child.readdirp(frame, this.fd(fd, i), size, position, xdata),
    );
  }

  /** The space of the child that has the least. */
  override async statfs(...[frame, inode, xdata]: Args<'statfs'>): Promise<Statfs> {
    this.replicas.checkQuorum();
    const { up, arbiters } = this.replicas;
    const results = await this.ask(listOf(up & ~arbiters), child => child.statfs(frame, inode, xdata));
    const answers = results.flatMap(result => (result.status === 'fulfilled' ? [result.value] : []));
    const [first] = answers.sort((a, b) => a.bytesAvailable - b.bytesAvailable);
    const failed = results.find(({ status }) => status === 'rejected') as PromiseRejectedResult | undefined;
    if (first === undefined) throw failed?.reason;
    return first;
  }

  override getxattr(...[frame, inode, name, xdata]: Args<'getxattr'>) {
    return this.reads.read(frame, inode, 'metadata', child => child.getxattr(frame, inode, name, xdata));
  }

  override fgetxattr(...[frame, fd, name, xdata]: Args<'fgetxattr'>) {
    return this.reads.read(frame, fd.inode, 'metadata', (child, i) =>
      child.fgetxattr(frame, this.fd(fd, i), name, xdata),
    );
  }
}
