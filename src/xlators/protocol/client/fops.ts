import { glusterFops } from '#protocols/gluster/fops/fops.ts';
import { remote_dirent } from './dirent.ts';
import { remote_iatt, remote_xdata } from './iatt.ts';

/**
 * The fops of a brick. Their results have no views into the record that was received, but for the data of READ and the
 * owner of a lock.
 */
export const FOPS = glusterFops(remote_iatt, remote_xdata, remote_dirent);
