// Runs the audit of the GraphQL-over-HTTP specification: every check, recommendations included.
import assert from 'node:assert/strict';
import test from 'node:test';
import { serverAudits } from 'graphql-http';
import { startServer } from './server.mjs';

test('GraphQL over HTTP: every server audit', async (t) => {
  const server = await startServer(t);
  const audits = serverAudits({ url: server.endpoint });
  assert.equal(audits.length, 61);

  let passed = 0;
  for (const audit of audits) {
    await t.test(`${audit.id} ${audit.name}`, async () => {
      const result = await audit.fn();
      assert.equal(result.status, 'ok', result.reason);
      passed += 1;
    });
  }
  t.diagnostic(`${passed} of ${audits.length} audits pass`);
});
