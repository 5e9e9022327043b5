import type { XlatorClass } from './xlator.ts';

/** Types of volfiles and how to get their classes. See `src/xlators/registry.ts`. */
export type Registry = Readonly<Record<string, () => Promise<XlatorClass>>>;
