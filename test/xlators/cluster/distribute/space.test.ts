import t from 'tap';
import { childWithRoom, isFull, roomOf } from '#src/xlators/cluster/distribute/space.ts';
import { options } from '#src/xlators/cluster/distribute/options.ts';
import { STATFS } from '../../../support/statfs.ts';

const limits = (disk: string) => ({ 'min-free-disk': options['min-free-disk'].parse(disk)!, 'min-free-inodes': 5 });
const room = (bytesTotal: number, bytesAvailable: number, filesFree = 100) =>
  roomOf({ ...STATFS, bytesTotal, bytesAvailable, filesTotal: 100, filesFree });

t.test('a subvolume is full by its share, by bytes, or by inodes', async t => {
  t.equal(isFull(room(100, 10), limits('10%')), false);
  t.equal(isFull(room(100, 9), limits('10%')), true);
  t.equal(isFull(room(100, 9), limits('10')), true, 'a small number is a percentage');
  t.equal(isFull(room(2 ** 40, 2 ** 30), limits('1GB')), false);
  t.equal(isFull(room(2 ** 40, 2 ** 30 - 1), limits('1GB')), true);
  t.equal(isFull(room(100, 100, 4), limits('0')), true, 'inodes');
  t.equal(isFull(roomOf({ ...STATFS, bytesTotal: 0, filesTotal: 0, filesFree: 0 }), limits('10%')), false);
  t.equal(isFull(undefined, limits('10%')), false, 'what is not known has room');
  t.equal(room(2 ** 20 + 1, 0).weight, 2);
});

t.test('a new file goes elsewhere only if another subvolume has room', async t => {
  const all = () => true;
  const rooms = [room(100, 5), room(100, 50), room(100, 60)];
  t.equal(childWithRoom(1, rooms, all, limits('10%')), 1);
  t.equal(childWithRoom(0, rooms, all, limits('10%')), 2, 'the one with the most room');
  t.equal(
    childWithRoom(0, rooms, child => child !== 2, limits('10%')),
    1,
  );
  t.equal(
    childWithRoom(0, rooms, child => child === 0, limits('10%')),
    0,
  );
  t.equal(childWithRoom(0, [room(100, 5), undefined, room(100, 6)], all, limits('10%')), 0, 'all are full');
});
