import { monitorEventLoopDelay, type IntervalHistogram } from 'node:perf_hooks';
import { setTimeout as delay } from 'node:timers/promises';
import { profileProcess, type Profile } from './profile.js';

const SAMPLE_MEMORY_EVERY_MS = 10;
/** How often the loop delay is sampled, ms. A free loop reads as this much, so it is taken off. */
const RESOLUTION_MS = 1;
const GARBAGE_ROUNDS = 3;
const GARBAGE_PAUSE_MS = 200;
const MEBIBYTE = 2 ** 20;

/** How a server process did while it was watched. */
export interface Watched {
  /** How late the event loop came to things that were due. */
  delayP99Ms: number;
  delayMaxMs: number;
  /** Resident memory: as the watch began, and the most it came to. */
  residentMiB: number;
  peakResidentMiB: number;
  /** Processor time that the process took, of all its threads. */
  cpuMs: number;
  /** How long the watch lasted. */
  elapsedMs: number;
}

/** Measures a process from inside. */
export class Probe {
  private readonly delay: IntervalHistogram = monitorEventLoopDelay({ resolution: RESOLUTION_MS });
  private sampler?: NodeJS.Timeout;
  private begun = { at: 0, cpu: process.cpuUsage(), resident: 0, highest: 0 };
  private peak = 0;
  private profile?: () => Promise<Profile>;

  /** Begins to watch. */
  watch(): void {
    this.begun = {
      at: performance.now(),
      cpu: process.cpuUsage(),
      resident: process.memoryUsage.rss(),
      highest: highestResident(),
    };
    this.peak = this.begun.resident;
    this.delay.reset();
    this.delay.enable();
    this.sampler = setInterval(() => this.samplePeak(), SAMPLE_MEMORY_EVERY_MS);
  }

  /** Ends the watch. */
  unwatch(): Watched {
    clearInterval(this.sampler);
    this.samplePeak();
    // While the loop is blocked nothing is sampled; a new height of the whole process shows all the same.
    if (highestResident() > this.begun.highest) this.peak = Math.max(this.peak, highestResident());
    this.delay.disable();
    const { user, system } = process.cpuUsage(this.begun.cpu);
    return {
      delayP99Ms: Math.max(0, this.delay.percentile(99) / 1e6 - RESOLUTION_MS),
      delayMaxMs: Math.max(0, this.delay.max / 1e6 - RESOLUTION_MS),
      residentMiB: this.begun.resident / MEBIBYTE,
      peakResidentMiB: this.peak / MEBIBYTE,
      cpuMs: (user + system) / 1_000,
      elapsedMs: performance.now() - this.begun.at,
    };
  }

  /** Collects garbage. @returns the memory that is resident then, and how much of it is in use */
  async settle(): Promise<{ residentBytes: number; usedBytes: number }> {
    for (let i = 0; i < GARBAGE_ROUNDS; i++) {
      globalThis.gc!();
      await delay(GARBAGE_PAUSE_MS);
    }
    const { rss, heapUsed, external } = process.memoryUsage();
    return { residentBytes: rss, usedBytes: heapUsed + external };
  }

  /** Begins to note where the processor's time goes. */
  async startProfile(): Promise<void> {
    this.profile = await profileProcess();
  }

  /** Ends the notes and sums them up. */
  async stopProfile(): Promise<Profile> {
    return this.profile!();
  }

  private samplePeak(): void {
    this.peak = Math.max(this.peak, process.memoryUsage.rss());
  }
}

/** The most memory this process ever had resident, in bytes. */
function highestResident(): number {
  return process.resourceUsage().maxRSS * 1_024;
}
