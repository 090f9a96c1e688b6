import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { Random } from '../convergence/random.js';
import { firstPull, redirect, type FirstPull } from '../convergence/replica.js';
import { TestDevice } from '../support/device.js';
import { startServer, type ServerProcess } from '../support/server-process.js';
import type { Storage } from '../support/storage.js';
import { Writer } from './writer.js';

export interface CrashOptions {
  seed: number;
  /** How often the server is killed. */
  kills: number;
  storage: Storage;
}

export interface CrashSummary {
  kills: number;
  acknowledged: number;
  /** Pushes cut off by a kill that were stored; `notThere`: that were not. */
  there: number;
  notThere: number;
  rows: number;
}

/** A kill strikes within this time after the chosen push: long enough to hit every part of the next pushes. */
const LONGEST_WAIT_MS = 60;
const LONGEST_START_MS = 700;

/**
 * Repeatedly kills a real server process while devices push, restarts it on the same storage and checks every push. The
 * seed decides the pushes and the times of the kills; the machine's timing decides what a kill interrupts.
 * @throws Error with the seed when an acknowledged push is lost, a push is stored in part, or a clock decreased
 */
export async function runCrash({ seed, kills, storage }: CrashOptions): Promise<CrashSummary> {
  const crash = new Crash(new Random(seed), storage);
  try {
    return await crash.play(kills);
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new Error(
      `Crash run broke with seed ${seed} at kill ${crash.summary.kills} of ${kills}: ${reason}`,
      { cause },
    );
  } finally {
    await crash.end();
  }
}

class Crash {
  readonly summary: CrashSummary = { kills: 0, acknowledged: 0, there: 0, notThere: 0, rows: 0 };
  #server?: ServerProcess;
  /** The writers of each account. */
  #accounts: Writer[][] = [];

  constructor(
    private readonly random: Random,
    private readonly storage: Storage,
  ) {}

  async play(kills: number): Promise<CrashSummary> {
    // Even the very first start, with its migrations and its secrets, may be cut off.
    await this.#killWhileStarting();
    this.#server = await startServer({ storage: this.storage });
    const { url } = this.#server;
    for (const [account, devices] of [3, 1].entries()) {
      const first = await TestDevice.register(url);
      const writers = [new Writer(`a${account}w0`, first, this.random.fork())];
      while (writers.length < devices) {
        writers.push(new Writer(`a${account}w${writers.length}`, await first.pair(), this.random.fork()));
      }
      this.#accounts.push(writers);
    }
    while (this.summary.kills < kills) {
      await this.#writeUntilKilled();
      if (this.random.chance(0.25)) await this.#killWhileStarting();
      this.#server = await startServer({ storage: this.storage });
      for (const writers of this.#accounts) await this.#judge(writers, this.#server.url);
    }
    return this.summary;
  }

  async end(): Promise<void> {
    await this.#server?.[Symbol.asyncDispose]();
  }

  async #writeUntilKilled(): Promise<void> {
    const writers = this.#accounts.flat();
    let left = this.random.integer(1, 8);
    let reached = (): void => undefined;
    const isReached = new Promise<void>((resolve) => (reached = resolve));
    const work = async (writer: Writer): Promise<void> => {
      while (await writer.write()) {
        this.summary.acknowledged += 1;
        if (--left === 0) reached();
      }
    };
    const working = Promise.all(writers.map(work));
    await Promise.race([isReached, working]);
    // Kills rarely strike between commit and answer, so some writers ignore their answers.
    for (const writer of writers) writer.isDeaf = this.random.chance(0.3);
    await pause(this.random.next() * LONGEST_WAIT_MS);
    const exit = await this.#server?.kill('SIGKILL');
    if (exit?.signal !== 'SIGKILL')
      throw new Error(`The server had ended by itself: ${this.#server?.output()}`);
    await working;
    for (const writer of writers) writer.isDeaf = false;
    this.summary.kills += 1;
  }

  async #judge(writers: Writer[], url: string): Promise<void> {
    for (const { device } of writers) redirect(device, url);
    const [{ device }] = writers as [Writer];
    const back = await firstPull(device);
    const known = Math.max(...writers.map(({ highest }) => highest));
    const fates = writers.map((writer) => writer.judge(back));
    if (back.timestamp < known) throw new Error(`timestamp fell from ${known} to ${back.timestamp}.`);
    if (back.timestamp > known && !fates.includes('there')) {
      throw new Error(`timestamp went from ${known} to ${back.timestamp}, and no push came with it.`);
    }
    for (const [n, writer] of writers.entries()) {
      if (fates[n] === 'there') this.summary.there += 1;
      if (fates[n] === 'not there') this.summary.notThere += 1;
      const ids = writer.pendingIds();
      await writer.sendAgain();
      if (fates[n] === 'there') await this.#expectUntouched(device, back, ids);
    }
    const now = await firstPull(device);
    for (const writer of writers) writer.judge(now);
    for (const writer of writers) await writer.catchUp(now);
    this.summary.rows = Object.values(now.rows).reduce((sum, rows) => sum + rows.length, 0);
  }

  /** Sending a stored push again must not change the stamps of its rows. */
  async #expectUntouched(device: TestDevice, { timestamp }: FirstPull, ids: string[]): Promise<void> {
    const since = (await device.pull({ last_pulled_at: timestamp })).body as {
      changes: Record<string, { updated: { id: string }[]; deleted: string[] }>;
    };
    const changed = Object.values(since.changes).flatMap(({ updated, deleted }) => [
      ...updated.map(({ id }) => id),
      ...deleted,
    ]);
    const twice = changed.filter((id) => ids.includes(id));
    if (twice.length > 0)
      throw new Error(`Sent again, a push that was there changed ${twice.slice(0, 3).join()} again.`);
  }

  async #killWhileStarting(): Promise<void> {
    const child = spawn(process.execPath, [join(process.cwd(), 'bin', 'tidemark.js'), 'start'], {
      env: { PATH: process.env.PATH, HOST: '127.0.0.1', PORT: '0', ...this.storage.env },
      stdio: 'ignore',
    });
    const ended = new Promise<void>((resolve, reject) =>
      child.once('exit', () => resolve()).once('error', reject),
    );
    await Promise.race([pause(this.random.next() * LONGEST_START_MS), ended]);
    if (child.exitCode !== null)
      throw new Error(`A server ended by itself while starting, with code ${child.exitCode}.`);
    child.kill('SIGKILL');
    await ended;
  }
}
