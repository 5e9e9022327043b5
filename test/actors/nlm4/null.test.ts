import t from 'tap';
import { hex } from '../../support/hex.ts';
import { ACCEPTED, GARBAGE_ARGS, nlmCall, serveNlm } from '../../support/nlm.ts';

const exchangeHex = async (exchange: (record: Buffer) => Promise<Buffer>, call: Buffer) =>
  (await exchange(call)).toString('hex');

t.test('NULL answers, and refuses arguments', async t => {
  const { exchange } = await serveNlm(t);
  t.equal(await exchangeHex(exchange, nlmCall('00000000')), hex(`${ACCEPTED} 00000000`).toString('hex'));
  t.equal(await exchangeHex(exchange, nlmCall('00000000', '00000000')), hex(GARBAGE_ARGS).toString('hex'));
});

t.test('numbers without a procedure: PROC_UNAVAIL', async t => {
  const { exchange } = await serveNlm(t);
  for (const procedure of ['00000010', '00000011', '00000012', '00000013', '00000018']) {
    t.equal(await exchangeHex(exchange, nlmCall(procedure)), hex(`${ACCEPTED} 00000003`).toString('hex'), procedure);
  }
});

t.test('versions 1 to 3, which belong to NFS version 2: PROG_MISMATCH, from 4 to 4', async t => {
  const { exchange } = await serveNlm(t);
  for (const version of ['00000001', '00000002', '00000003']) {
    const call = hex(`0000002a 00000000 00000002 000186b5 ${version} 00000000 ${'00000000'.repeat(4)}`);
    t.equal(
      await exchangeHex(exchange, call),
      hex(`${ACCEPTED} 00000002 00000004 00000004`).toString('hex'),
      `version ${version}`,
    );
  }
});
