/**
 * Loaded before the test runner in every test's process (package.json, "test"). The runner notes each module and decodes the
 * source maps of its own, for coverage and for stacks through compiled code: a third of a small test's time. Ours is
 * not compiled: lines and columns are right without.
 */
process.env['_TAPJS_PROCESSINFO_EXCLUDE_'] = '/./';
process.setSourceMapsEnabled(false);
process.setSourceMapsEnabled = () => {};
// The servers that tests start need none of it; the runner itself hands it on.
if (process.env['TAP'] === '1') delete process.env['NODE_OPTIONS'];
