/**
 * Loaded before the test runner in the process of every test (package.json, "test"). For coverage, and for stack traces
 * of compiled code, the runner records every module and decodes its own source maps, which takes a third of the time of
 * a small test. The code under test is not compiled, so its line and column numbers are right without source maps.
 */
process.env['_TAPJS_PROCESSINFO_EXCLUDE_'] = '/./';
process.setSourceMapsEnabled(false);
process.setSourceMapsEnabled = () => {};
// The servers that tests start need none of this. The runner passes NODE_OPTIONS on to other tests itself.
if (process.env['TAP'] === '1') delete process.env['NODE_OPTIONS'];
