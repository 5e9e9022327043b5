import { FsError } from '../../../errno.ts';
import type { GraphEvent } from '../../../graph/event.ts';
import { type Flock, type LockType, type Opened, RenameFlag, type Args } from '../../../graph/fops.ts';
import { FileType } from '../../../graph/iatt.ts';
import type { Inode } from '../../../graph/inode.ts';
import { releaseUnused, subtree } from '../../../graph/subtree.ts';
import type { Xlator, XlatorClass, XlatorSettings } from '../../../graph/xlator.ts';
import { O_TRUNC } from '../../../sys/constants.ts';
import { VolfileError } from '../../../volfile/volfile-error.ts';
import { has, listOf } from './children.ts';
import { DataChanges } from './data.ts';
import { EntryChanges, joined } from './entries.ts';
import { lockAll, unlockAll } from './locks.ts';
import { MetadataChanges } from './metadata.ts';
import { foreign, options } from './options.ts';
import { askAll } from './replicas.ts';
import type { Kind } from './transaction/steps.ts';
import { ReplicateReads } from './replicate-reads.ts';

/** cluster/replicate: keeps the same files on all subvolumes, as GlusterFS's AFR does, and beside its clients. */
export class Replicate extends ReplicateReads {
  static readonly doc =
    'Keeps the same files on all of its subvolumes. What a subvolume misses is recorded on the others, and GlusterFS’s self-heal daemon brings it up to date.';
  static readonly usesChildNames = true;
  static readonly options = options;
  static readonly foreign = foreign;
  static override readonly children: readonly [number, number] = [1, 30];

  readonly #then = {
    dataAtRisk: () => super.notify({ kind: 'unstable-lost' }),
    splitBrain: (gfid: Buffer, kind: Kind) => this.lookups.splitBrain(gfid, kind),
  };
  readonly #metadata = new MetadataChanges(this.replicas, this.reads, this.#then);
  readonly #data = new DataChanges(this.replicas, this.reads, this.#then, this.#metadata);
  readonly #entries = new EntryChanges(this.replicas, this.reads, this.#then, this.#data);

  override async init(): Promise<void> {
    const expected = (what: string) => new VolfileError(this.where, `expected ${what}`);
    const names = this.pendingNames();
    const count = this.children.length;
    if (names.length !== count || new Set(names).size !== count) {
      throw expected(`afr-pending-xattr to name ${count} subvolumes, found ${names.join()}`);
    }
    if (this.options['arbiter-count'] > 0 && count < 3) {
      throw expected(`at least 3 subvolumes, of which the last is an arbiter, found ${count}`);
    }
    const leaf = subtree(this).find(({ constructor }) => (constructor as XlatorClass).namesItself);
    if (leaf !== undefined) {
      const found = `found ${leaf.name} of type ${leaf.type}, which chooses them itself`;
      throw expected(`bricks that take the gfids of their objects from ${this.name}, ${found}`);
    }
  }

  override async fini(): Promise<void> {
    await super.fini();
    await Promise.all([this.#data, this.#metadata, this.#entries].map(changes => changes.end()));
  }

  override reconfigure(settings: XlatorSettings<typeof options>): () => void {
    const change = super.reconfigure(settings);
    return () => {
      change();
      this.replicas.options = this.options;
      this.replicas.isQuorum = this.quorumBy(this.options);
    };
  }

  protected override childChanged(child: number): void {
    // A brick that comes up again has dropped the locks of the connection before.
    if (this.up[child] && has(this.replicas.up, child)) this.replicas.changed(child, false);
    this.replicas.changed(child, this.up[child]!);
    this.#metadata.childChanged();
    if (this.up[child]) this.#data.childUp(child);
  }

  /**
   * A brick that was restarted may have lost writes that were not durable. They are still on the other bricks, and the
   * brick is blamed for them: they were under a dirty mark, since with `ensure-durability` that is taken away only after
   * a sync. So the clients need not send them again, unless fewer bricks than a quorum are left with them, which the
   * transaction notices (`dataAtRisk`). GlusterFS's own client has no such event: it leaves the dirty mark, without
   * blame.
   */
  override notify(event: GraphEvent, from?: Xlator): void {
    const isOfOne = event.kind === 'unstable-lost' && this.children.length > 1 && this.options['ensure-durability'];
    if (isOfOne) return;
    if (event.kind === 'upcall' && event.about === 'contention')
      for (const changes of [this.#data, this.#metadata, this.#entries]) changes.giveUp(event.gfid);
    super.notify(event, from);
  }

  override mknod(...[frame, parent, name, type, attr, device, xdata]: Args<'mknod'>) {
    return this.#entries.make(frame, parent, name, { type, attr }, (child, gfid) =>
      child.mknod(frame, parent, name, type, { ...attr, gfid }, device, xdata),
    );
  }

  override mkdir(...[frame, parent, name, attr, xdata]: Args<'mkdir'>) {
    return this.#entries.make(frame, parent, name, { type: FileType.DIR, attr }, (child, gfid) =>
      child.mkdir(frame, parent, name, { ...attr, gfid }, xdata),
    );
  }

  override symlink(...[frame, parent, name, target, attr, xdata]: Args<'symlink'>) {
    return this.#entries.make(frame, parent, name, { type: FileType.LNK, attr }, (child, gfid) =>
      child.symlink(frame, parent, name, target, { ...attr, gfid }, xdata),
    );
  }

  override create(...[frame, parent, name, how, flags, xdata]: Args<'create'>) {
    const attr = how.mode === 'exclusive' ? how : how.attr;
    // If it may open a file that exists, it cannot be undone.
    const made = { type: FileType.REG, attr, isNew: how.mode === 'guarded' };
    return this.#entries.make(frame, parent, name, made, (child, gfid) => {
      const chosen = how.mode === 'exclusive' ? { ...how, gfid } : { ...how, attr: { ...how.attr, gfid } };
      return child.create(frame, parent, name, chosen, flags, xdata);
    });
  }

  override link(...[frame, inode, parent, name, xdata]: Args<'link'>) {
    return this.#entries.link(frame, inode, parent, name, child => child.link(frame, inode, parent, name, xdata));
  }

  override unlink(...[frame, parent, name, xdata]: Args<'unlink'>) {
    return this.#entries.remove(frame, { inode: parent, name }, false, child =>
      child.unlink(frame, parent, name, xdata),
    );
  }

  override rmdir(...[frame, parent, name, xdata]: Args<'rmdir'>) {
    return this.#entries.remove(frame, { inode: parent, name }, true, child => child.rmdir(frame, parent, name, xdata));
  }

  override rename(...[frame, from, fromName, to, toName, flags, xdata]: Args<'rename'>) {
    // The protocol of the bricks has no exchange.
    if (((flags ?? 0) & RenameFlag.EXCHANGE) !== 0) return Promise.reject(new FsError('EINVAL'));
    return this.#entries.rename(frame, { inode: from, name: fromName }, { inode: to, name: toName }, child =>
      child.rename(frame, from, fromName, to, toName, flags, xdata),
    );
  }

  override setattr(...[frame, inode, attr, guard, xdata]: Args<'setattr'>) {
    return this.#metadata.change(frame, inode, child => child.setattr(frame, inode, attr, guard, xdata));
  }

  override fsetattr(...[frame, fd, attr, xdata]: Args<'fsetattr'>) {
    return this.#metadata.change(frame, fd.inode, (child, i) => child.fsetattr(frame, this.fd(fd, i), attr, xdata));
  }

  override truncate(...[frame, inode, size, xdata]: Args<'truncate'>) {
    return this.#data.resize(frame, inode, [size, Infinity], child => child.truncate(frame, inode, size, xdata));
  }

  override ftruncate(...[frame, fd, size, xdata]: Args<'ftruncate'>) {
    return this.#data.resize(frame, fd.inode, [size, Infinity], (child, i) =>
      child.ftruncate(frame, this.fd(fd, i), size, xdata),
    );
  }

  override async open(...[frame, inode, flags, xdata]: Args<'open'>) {
    const opened = await this.#open(inode, child => child.open(frame, inode, flags & ~O_TRUNC, xdata));
    if ((flags & O_TRUNC) === 0) return opened;
    // All children must agree on what was cut off.
    await this.truncate(frame, inode, 0).catch((error: unknown) => {
      releaseUnused(this, inode, opened);
      throw error;
    });
    return opened;
  }

  override opendir(...[frame, inode, xdata]: Args<'opendir'>) {
    return this.#open(inode, child => child.opendir(frame, inode, xdata));
  }

  async #open(inode: Inode, call: (child: Xlator) => Promise<Opened>): Promise<Opened> {
    this.replicas.checkQuorum();
    const { from, of } = await askAll(this.replicas, this.replicas.up, call, (opened, i) =>
      releaseUnused(this.children[i]!, inode, opened),
    );
    const below = joined(
      from,
      of.map(opened => opened?.notes),
    );
    return { ...of[listOf(from)[0]!], notes: { slot: this.slot, value: from, next: below } };
  }

  override writev(...[frame, fd, data, offset, stable, xdata]: Args<'writev'>) {
    return this.#data.write(frame, fd.inode, [data, offset, stable], xdata, (child, i, sent, asking) =>
      child.writev(frame, this.fd(fd, i), sent, offset, stable, asking),
    );
  }

  override async flush(...[frame, fd, xdata]: Args<'flush'>) {
    this.#data.giveUp(fd.inode.gfid);
    await askAll(this.replicas, this.replicas.up, (child, i) => child.flush(frame, this.fd(fd, i), xdata));
  }

  override fsync(...[frame, fd, dataOnly, xdata]: Args<'fsync'>) {
    return this.#data.sync(frame, fd.inode, (child, i) => child.fsync(frame, this.fd(fd, i), dataOnly, xdata));
  }

  override fallocate(...[frame, fd, mode, offset, length, xdata]: Args<'fallocate'>) {
    return this.#data.resize(frame, fd.inode, [offset, offset + length], (child, i) =>
      child.fallocate(frame, this.fd(fd, i), mode, offset, length, xdata),
    );
  }

  override discard(...[frame, fd, offset, length, xdata]: Args<'discard'>) {
    return this.#data.resize(frame, fd.inode, [offset, offset + length], (child, i) =>
      child.discard(frame, this.fd(fd, i), offset, length, xdata),
    );
  }

  override zerofill(...[frame, fd, offset, length, xdata]: Args<'zerofill'>) {
    return this.#data.resize(frame, fd.inode, [offset, offset + length], (child, i) =>
      child.zerofill(frame, this.fd(fd, i), offset, length, xdata),
    );
  }

  override async fsyncdir(...[frame, fd, dataOnly, xdata]: Args<'fsyncdir'>) {
    await askAll(this.replicas, this.replicas.up, (child, i) => child.fsyncdir(frame, this.fd(fd, i), dataOnly, xdata));
  }

  override setxattr(...[frame, inode, xattrs, flags, xdata]: Args<'setxattr'>) {
    return this.#metadata.change(frame, inode, child => child.setxattr(frame, inode, xattrs, flags, xdata));
  }

  override fsetxattr(...[frame, fd, xattrs, flags, xdata]: Args<'fsetxattr'>) {
    return this.#metadata.change(frame, fd.inode, (child, i) =>
      child.fsetxattr(frame, this.fd(fd, i), xattrs, flags, xdata),
    );
  }

  override removexattr(...[frame, inode, name, xdata]: Args<'removexattr'>) {
    return this.#metadata.change(frame, inode, child => child.removexattr(frame, inode, name, xdata));
  }

  override fremovexattr(...[frame, fd, name, xdata]: Args<'fremovexattr'>) {
    return this.#metadata.change(frame, fd.inode, (child, i) => child.fremovexattr(frame, this.fd(fd, i), name, xdata));
  }

  override xattrop(...[frame, inode, op, xattrs, xdata]: Args<'xattrop'>) {
    return this.#metadata.change(frame, inode, child => child.xattrop(frame, inode, op, xattrs, xdata));
  }

  override fxattrop(...[frame, fd, op, xattrs, xdata]: Args<'fxattrop'>) {
    return this.#metadata.change(frame, fd.inode, (child, i) =>
      child.fxattrop(frame, this.fd(fd, i), op, xattrs, xdata),
    );
  }

  override inodelk(...[frame, domain, inode, lock, wait, xdata]: Args<'inodelk'>) {
    return this.#lock(lock.type, wait, (child, _, type, wait) =>
      child.inodelk(frame, domain, inode, { ...lock, type }, wait, xdata),
    );
  }

  override finodelk(...[frame, domain, fd, lock, wait, xdata]: Args<'finodelk'>) {
    return this.#lock(lock.type, wait, (child, i, type, wait) =>
      child.finodelk(frame, domain, this.fd(fd, i), { ...lock, type }, wait, xdata),
    );
  }

  override entrylk(...[frame, domain, inode, name, type, wait, xdata]: Args<'entrylk'>) {
    return this.#lock(type, wait, (child, _, type, wait) =>
      child.entrylk(frame, domain, inode, name, type, wait, xdata),
    );
  }

  override fentrylk(...[frame, domain, fd, name, type, wait, xdata]: Args<'fentrylk'>) {
    return this.#lock(type, wait, (child, i, type, wait) =>
      child.fentrylk(frame, domain, this.fd(fd, i), name, type, wait, xdata),
    );
  }

  async #lock(
    type: LockType,
    wait: boolean,
    call: (child: Xlator, i: number, type: LockType, wait: boolean) => Promise<void>,
  ): Promise<void> {
    const unlock = (child: Xlator, i: number) => call(child, i, 'unlock', false);
    if (type === 'unlock') await unlockAll(this.replicas, unlock);
    else await lockAll(this.replicas, { lock: (child, i, wait) => call(child, i, type, wait), unlock }, wait);
  }

  override async lk(...[frame, fd, command, lock, xdata]: Args<'lk'>): Promise<Flock> {
    const call = (child: Xlator, i: number, command: 'get' | 'set' | 'wait', lock: Flock) =>
      child.lk(frame, this.fd(fd, i), command, lock, xdata);
    if (command === 'get') {
      const { from, of } = await askAll(this.replicas, this.replicas.up, (child, i) => call(child, i, 'get', lock));
      const answers = listOf(from).map(i => of[i]!);
      return answers.find(({ type }) => type !== 'unlock') ?? answers[0]!;
    }
    const unlock = (child: Xlator, i: number) => call(child, i, 'set', { ...lock, type: 'unlock' });
    if (lock.type === 'unlock') return unlockAll(this.replicas, unlock);
    const take = (child: Xlator, i: number, wait: boolean) => call(child, i, wait ? 'wait' : 'set', lock);
    return lockAll(this.replicas, { lock: take, unlock }, command === 'wait');
  }
}
