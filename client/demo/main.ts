import { cutNetwork } from './network.js'; // first, see there
import type { DocumentState } from '../../src/protocol/documents.js';
import { openDocument, type OpenedDocument, type PendingWay } from '../src/documents/open-document.js';
import { hex } from '../src/hex.js';
import { DocumentsApi, toSyncError } from '../src/index.js';
import { DemoAccount } from './account.js';
import { Captions, type Cue } from './captions.js';
import { CueList } from './cue-list.js';
import { notify, part, showHolder, showStatus, showStored } from './panel.js';
import { Player } from './player.js';
import { Timeline } from './timeline.js';

const REF = { video_id: 'demo', database: 'captions' };
const FOLDER = '/documents/demo';
const LOOK_EVERY_MS = 2_000;
const MANY = 200;

const account = new DemoAccount();
start().catch((thrown: unknown) => {
  part('state').textContent = `The demo cannot start: ${toSyncError(thrown).message} Reload to try again.`;
});

async function start(): Promise<void> {
  const live = await openDocument({
    server: location.origin,
    token: ({ isRefused }) => account.token(isRefused),
    video: REF.video_id,
    database: REF.database,
    account: await account.id(),
    // What is typed while another tab takes over stays here, and is sent when this tab edits again.
    offlineEdits: true,
    engine: { workerUrl: `${FOLDER}/engine-worker.js`, wasmUrl: `${FOLDER}/crsqlite.wasm` },
  });
  new Demo(live, new DocumentsApi(account.api)).open();
}

/** The page: shows the document, and passes on what people do. */
class Demo {
  private readonly captions: Captions;
  private readonly player: Player;
  private readonly timeline: Timeline;
  private readonly list: CueList;
  /** What the server last said of the document; null: it does not answer. */
  private known: DocumentState | null = null;
  /** Whether this tab is asking for the lock. */
  private isAsking = false;
  /** What people asked for that has not ended yet. */
  private running = 0;
  /** Null: there is no copy to read until the first download. */
  private cues: Cue[] | null = null;

  constructor(
    private readonly live: OpenedDocument,
    private readonly server: DocumentsApi,
  ) {
    this.captions = new Captions(live.db);
    const attempt = (edit: () => Promise<unknown>): void => void this.attempt(edit);
    this.list = new CueList(part('cues'), this.captions, attempt);
    this.timeline = new Timeline(
      part('timeline'),
      this.captions,
      (cue, wantsText) => this.choose(cue, wantsText),
      attempt,
    );
    const parts = {
      canvas: part<HTMLCanvasElement>('sea'),
      caption: part('caption'),
      play: part<HTMLButtonElement>('play'),
      seek: part<HTMLInputElement>('seek'),
      time: part<HTMLOutputElement>('time'),
    };
    this.player = new Player(parts, (ms) => this.timeline.movePlayhead(ms));
  }

  /** Shows this tab's copy, and connects. */
  open(): void {
    const { live } = this;
    live.subscribe(['cues'], () => void this.read());
    live.status.subscribe(() => this.show());
    part('cut').addEventListener('change', (event) => cutNetwork((event.target as HTMLInputElement).checked));
    part('hold').addEventListener('click', () => void this.hold(this.known?.lock?.mine === false));
    part('release').addEventListener('click', () => void this.attempt(() => live.release()));
    part('add').addEventListener('click', () => void this.attempt(() => this.add()));
    part('add-many').addEventListener('click', () => void this.attempt(() => this.captions.addMany(MANY)));
    for (const button of part('ways').querySelectorAll('button')) {
      button.addEventListener('click', () => void this.startOver(button.dataset.pending as PendingWay));
    }
    window.addEventListener('beforeunload', (event) => {
      if (this.running > 0) event.preventDefault(); // the browser asks
    });
    setInterval(() => void this.look(), LOOK_EVERY_MS);
    void this.read();
    void this.connect();
  }

  /** Connects as the page's address asks: `?watch` only looks, `?hold` edits. Without either it edits if nobody does. */
  private async connect(): Promise<void> {
    await this.look();
    const asks = new URLSearchParams(location.search);
    if (asks.has('hold') || (!asks.has('watch') && this.known !== null && !this.known.lock)) {
      await this.hold(false);
      if (this.live.isHolder) return;
    }
    // A document begins with the first tab that edits it.
    while (this.known?.exists === false) await this.look(LOOK_EVERY_MS);
    await this.attempt(() => this.live.watch());
  }

  private async hold(takeOver: boolean): Promise<void> {
    if (this.isAsking) return;
    this.isAsking = true;
    this.show();
    await this.attempt(() => this.live.hold({ takeOver, create: true, reason: 'Captions are edited' }));
    this.isAsking = false;
    await this.look();
  }

  private async add(): Promise<void> {
    const id = await this.captions.add(this.player.position);
    await this.read();
    this.list.focus(id);
  }

  private choose(cue: Cue, wantsText: boolean): void {
    this.player.moveTo(cue.start_ms);
    if (wantsText) this.list.focus(cue.id);
  }

  private async startOver(pending: PendingWay): Promise<void> {
    await this.attempt(async () => {
      const { pending: count, cells } = await this.live.reset({ pending });
      if (pending === 'export' && cells.length > 0) save(cells);
      if (pending === 'discard' && count > 0) notify(`${count} changes were given up.`);
    });
  }

  /** Runs what a person asked for, and says why it did not work. */
  private async attempt(work: () => Promise<unknown>): Promise<void> {
    this.running += 1;
    part('cues').setAttribute('aria-busy', 'true');
    try {
      await work();
    } catch (thrown) {
      const { reason } = toSyncError(thrown);
      notify(`${reason.message} ${reason.hint}`);
    }
    this.running -= 1;
    part('cues').setAttribute('aria-busy', String(this.running > 0));
    this.show();
  }

  /** Asks the server who edits and what it has stored. */
  private async look(afterMs = 0): Promise<void> {
    if (afterMs > 0) await new Promise((resolve) => setTimeout(resolve, afterMs));
    this.known = await this.server.state(REF).catch(() => null);
    this.show();
  }

  /** Reads this tab's copy. */
  private async read(): Promise<void> {
    this.cues = await this.captions.list().catch(() => null);
    this.show();
  }

  private show(): void {
    const { isHolder, status } = this.live;
    const cues = this.cues ?? [];
    const isEditable = isHolder && this.cues !== null;
    showStatus(status.get(), isHolder);
    showHolder(this.known, isHolder, this.isAsking);
    showStored(this.known);
    this.player.show(cues);
    this.timeline.show(cues, isEditable);
    this.timeline.movePlayhead(this.player.position);
    this.list.show(cues, isEditable);
    part('count').textContent = cues.length > 0 ? String(cues.length) : '';
    part('empty').hidden = this.cues === null || cues.length > 0;
    for (const id of ['add', 'add-many']) part<HTMLButtonElement>(id).disabled = !isEditable;
  }
}

/** JSON has neither large integers nor bytes. */
function asText(_name: string, value: unknown): unknown {
  if (value instanceof Uint8Array) return { hex: hex(value) };
  return typeof value === 'bigint' ? String(value) : value;
}

/** Offers the cells as a file. */
function save(cells: unknown): void {
  const url = URL.createObjectURL(new Blob([JSON.stringify(cells, asText, 2)], { type: 'application/json' }));
  const link = document.createElement('a');
  link.href = url;
  link.download = 'captions-not-sent.json';
  link.click();
  URL.revokeObjectURL(url);
}
