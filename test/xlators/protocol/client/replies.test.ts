import t from 'tap';
import { FopError } from '#src/graph/fops.ts';
import { byGfid, failureOf, requireDone } from '#src/xlators/protocol/client/replies.ts';

const reply = { op_ret: -1, op_errno: 2, xdata: undefined };

t.test('op_errno says nothing of a fop that was done', async t => {
  t.doesNotThrow(() => requireDone({ ...reply, op_ret: 0 }, 'stat'));
  t.strictSame(byGfid({ ...reply, op_ret: 0 }).op_errno, 2, 'it says that the end was reached');
});

t.test('a gfid that a brick does not find is stale, whatever it answers', async t => {
  for (const op_errno of [2, 116]) {
    t.throws(() => requireDone({ ...reply, op_errno }, 'stat'), { code: 'ESTALE', message: 'ESTALE: stat' });
  }
  t.match(failureOf(reply, 'lookup'), { code: 'ENOENT', message: 'ENOENT: lookup' }, 'a name is not');
});

t.test('errors have what the brick has told with them', async t => {
  const xdata = new Map([['glusterfs.preop.check.failed', 1]]);
  const wcc = { before: undefined, after: undefined };
  const error = failureOf({ ...reply, op_errno: 5, xdata }, 'mkdir');
  t.ok(error instanceof FopError);
  t.match(error, { code: 'EIO', wcc, xdata });
  t.match(failureOf(reply, 'rename', wcc, wcc), { code: 'ENOENT', wcc, toWcc: wcc, xdata: undefined });
});

t.test('an errno that no system has is EIO', async t => {
  for (const op_errno of [0, -5, 99_999]) t.match(failureOf({ ...reply, op_errno }, 'stat'), { code: 'EIO' });
});
