// Emmett's PostgreSQL event store in the part of a client process: one line of JSON in, one line out (see crew.py).
// Run as `node member.mjs '{"database": ..., "data": ..., "connections": ...}'`.

import { STREAM_DOES_NOT_EXIST } from '@event-driven-io/emmett';
import { getPostgreSQLEventStore } from '@event-driven-io/emmett-postgresql';
import { randomUUID } from 'node:crypto';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import pg from 'pg';

const { database, data, meta, connections } = JSON.parse(process.argv[2]);
const pool = new pg.Pool({ connectionString: database, max: connections });
const store = getPostgreSQLEventStore(database, { connectionOptions: { pool } });
const event = { type: 'GoalRevised', data: JSON.parse(data), metadata: JSON.parse(meta) };

function append() {
  return store.appendToStream(`goal-${randomUUID()}`, [event], { expectedStreamVersion: STREAM_DOES_NOT_EXIST });
}

async function run({ at_once, seconds }) {
  const latencies = [];
  const began = performance.now();
  const end = began + seconds * 1000;
  async function one() {
    let now = performance.now();
    while (now < end || latencies.length === 0) {
      await append();
      const done = performance.now();
      latencies.push((done - now) / 1000);
      now = done;
    }
  }
  await Promise.all(Array.from({ length: at_once }, one));
  return { operations: latencies.length, seconds: (performance.now() - began) / 1000, latencies };
}

const say = (answer) => process.stdout.write(JSON.stringify(answer) + '\n');

await append(); // makes its tables
say({});
for await (const line of createInterface({ input: process.stdin })) {
  const order = JSON.parse(line);
  await sleep(Math.max(0, order.begin * 1000 - Date.now()));
  say(await run(order));
}
await pool.end();
