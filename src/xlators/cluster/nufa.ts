import { text } from '../../graph/options.ts';
import type { XlatorConfig } from '../../graph/xlator.ts';
import { Distribute } from './distribute/distribute.ts';
import { options as common } from './distribute/options.ts';

const options = {
  ...common,
  'local-volume-name': text(
    { default: undefined },
    'The subvolume that gets the new files of this server, usually one on the same machine.',
  ),
};

/** cluster/nufa: as cluster/distribute, but the data of new files go to one subvolume that is nearer than the others. */
export class Nufa extends Distribute {
  static override readonly doc =
    'As cluster/distribute, but new files go to one subvolume, such as that of this machine.';
  static override readonly options = options;
  readonly #local: number;

  constructor(config: XlatorConfig<typeof options>) {
    super(config);
    this.#local = this.core.childNamed(config.options['local-volume-name']);
  }

  protected override preferred(_name: string, hashed: number): number {
    return this.#local < 0 ? hashed : this.#local;
  }
}
