import { monitorEventLoopDelay, type IntervalHistogram } from 'node:perf_hooks';
import { setTimeout as delay } from 'node:timers/promises';
import { profileProcess, type Profile } from './profile.js';

const SAMPLE_MEMORY_EVERY_MS = 10;
/** Sampling interval of the loop delay, ms. It is subtracted, as an idle loop measures this much. */
const RESOLUTION_MS = 1;
const GARBAGE_ROUNDS = 3;
const GARBAGE_PAUSE_MS = 200;
const MEBIBYTE = 2 ** 20;

/** Measurements of a server process while it was watched. */
export interface Watched {
  /** Delay of the event loop. */
  delayP99Ms: number;
  delayMaxMs: number;
  /** Resident memory when the watch began, and its maximum. */
  residentMiB: number;
  peakResidentMiB: number;
  /** Processor time of all threads of the process. */
  cpuMs: number;
  /** Duration of the watch. */
  elapsedMs: number;
}

/** Measures a process from inside. */
export class Probe {
  private readonly delay: IntervalHistogram = monitorEventLoopDelay({ resolution: RESOLUTION_MS });
  private sampler?: NodeJS.Timeout;
  private begun = { at: 0, cpu: process.cpuUsage(), resident: 0, highest: 0 };
  private peak = 0;
  private profile?: () => Promise<Profile>;

  /** Starts the watch. */
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

  /** Ends the watch. @returns its measurements */
  unwatch(): Watched {
    clearInterval(this.sampler);
    this.samplePeak();
    // A blocked loop takes no samples, but a new maximum of the whole process still shows.
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

  /** Collects garbage. @returns the resident and the used memory after that */
  async settle(): Promise<{ residentBytes: number; usedBytes: number }> {
    for (let i = 0; i < GARBAGE_ROUNDS; i++) {
      globalThis.gc!();
      await delay(GARBAGE_PAUSE_MS);
    }
    const { rss, heapUsed, external } = process.memoryUsage();
    return { residentBytes: rss, usedBytes: heapUsed + external };
  }

  /** Starts the profiler. */
  async startProfile(): Promise<void> {
    this.profile = await profileProcess();
  }

  /** Stops the profiler. @returns its summary */
  async stopProfile(): Promise<Profile> {
    return this.profile!();
  }

  private samplePeak(): void {
    this.peak = Math.max(this.peak, process.memoryUsage.rss());
  }
}

/** The greatest resident memory that this process ever had, in bytes. */
function highestResident(): number {
  return process.resourceUsage().maxRSS * 1_024;
}
