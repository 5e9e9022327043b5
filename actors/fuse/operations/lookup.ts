import { fuse_entry_out, fuse_name_in } from '#protocols/fuse/object.ts';
import { errnoOf } from '#src/errno.ts';
import { fuseActor } from '../actor.ts';
import { nanoseconds } from '../attributes.ts';
import { answerEntry } from '../entry.ts';

/** The entry of no object: node 0. */
const ABSENT = Object.fromEntries(
  Object.entries(fuse_entry_out.fields).map(([name, { kind }]) => [name, kind === 'id' ? 0n : 0]),
) as unknown as fuse_entry_out;

export const lookup = fuseActor({
  name: 'LOOKUP',
  args: fuse_name_in,
  changes: false,

  async run(call, parent, { name }) {
    try {
      const { iatt } = await call.serving.volume.top.lookup(call.frame, parent, name);
      answerEntry(call, iatt, name);
    } catch (error) {
      const valid = call.valid(call.serving.options['negative-timeout']);
      if (valid === 0 || errnoOf(error) !== 'ENOENT') throw error;
      // The kernel remembers for a while that there is no such name.
      const entry = { ...ABSENT, entry_valid: Math.floor(valid), entry_valid_nsec: nanoseconds(valid) };
      call.answer(fuse_entry_out, entry);
    }
  },
});
