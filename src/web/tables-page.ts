import { createHash } from 'node:crypto';
import type { Column, Dialect } from '../protocol/columns.js';
import { sinceOf, type Schema, type Table } from '../protocol/schema.js';
import { PROTOCOL_VERSION } from '../protocol/version.js';

/** What the page says about the server; nothing that `/openapi.json` does not say too, apart from the database's kind. */
export interface ServerFacts {
  /** The server's release. */
  version: string;
  database: Dialect;
  schema: Schema;
  apiPrefix: string;
  /** Whether the page of documents is served. */
  hasDocuments: boolean;
}

const STYLE = `
:root { color-scheme: light dark; --paper: #f4efe4; --sheet: #fffdf7; --ink: #182830; --soft: #53626a; --rule: #ddd4c2;
  --accent: #0b5a66; }
@media (prefers-color-scheme: dark) { :root { --paper: #0d181d; --sheet: #15242a; --ink: #f0eadd; --soft: #a6b4b8;
  --rule: #2a3b42; --accent: #7fcfcd; } }
* { box-sizing: border-box; }
body { margin: 0; background: var(--paper); color: var(--ink); font: 16px/1.5 system-ui, -apple-system, "Segoe UI", Roboto,
  "Noto Sans", "Liberation Sans", sans-serif; }
header, main { max-width: 60rem; margin: 0 auto; padding: 0 1rem; }
header { padding-top: 2rem; }
main { padding-bottom: 3rem; }
h1, h2, h3 { font-family: "Iowan Old Style", "Palatino Linotype", Palatino, "Book Antiqua", "Noto Serif", serif;
  line-height: 1.25; margin: 0; }
h1 { font-size: 1.75rem; }
h2 { font-size: 1.25rem; margin: 2rem 0 .75rem; }
h3 { font-size: 1rem; overflow-wrap: anywhere; }
h3 .soft { font: 400 .875rem system-ui, sans-serif; }
p { margin: .25rem 0 0; }
.soft { color: var(--soft); }
a { color: var(--accent); }
:focus-visible { outline: 3px solid var(--accent); outline-offset: 2px; border-radius: 2px; }
code { font: .875rem/1.5 ui-monospace, "SF Mono", Menlo, Consolas, "Liberation Mono", monospace; overflow-wrap: anywhere; }
dl { display: grid; grid-template-columns: repeat(auto-fit, minmax(9rem, 1fr)); gap: 1rem; margin: 1.25rem 0 0; }
dt { color: var(--soft); font-size: .875rem; }
dd { margin: 0; font-weight: 600; }
.sheet { background: var(--sheet); border: 1px solid var(--rule); border-radius: 10px; padding: .75rem 1rem; margin-top: 1rem; }
table { border-collapse: collapse; width: 100%; margin-top: .5rem; font-size: .9375rem; }
th, td { text-align: left; vertical-align: top; padding: .375rem .75rem .375rem 0; border-top: 1px solid var(--rule);
  overflow-wrap: anywhere; }
thead th { color: var(--soft); font-weight: 500; font-size: .875rem; border-top: 0; }
tbody th { font-weight: 600; width: 30%; }
td:nth-child(2) { width: 22%; }
ul, ol { margin: 0; padding-left: 1.25rem; }
li { padding: .25rem 0; }
pre { margin: .25rem 0; white-space: pre-wrap; }
@media (max-width: 34rem) {
  thead { position: absolute; clip-path: inset(50%); width: 1px; height: 1px; overflow: hidden; }
  tr { display: grid; grid-template-columns: 1fr auto; padding: .375rem 0; border-top: 1px solid var(--rule); }
  tbody th, td { border: 0; padding: 0; width: auto; }
  td:nth-child(2) { width: auto; padding-left: .75rem; }
  td:nth-child(3) { grid-column: 1 / -1; }
}
`;

const ICON =
  "data:image/svg+xml,%3Csvg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 24 24'%3E%3Crect width='24' height='24' " +
  "rx='5' fill='%230b5a66'/%3E%3Cpath d='M4 10c2.7-3 5.3 3 8 0s5.3-3 8 0M4 15c2.7-3 5.3 3 8 0s5.3-3 8 0' fill='none' " +
  "stroke='%23fff' stroke-width='2' stroke-linecap='round'/%3E%3C/svg%3E";

/** The page has no scripts, and loads nothing. */
export const TABLES_PAGE_POLICY = [
  "default-src 'none'",
  `style-src 'sha256-${createHash('sha256').update(STYLE).digest('base64')}'`,
  'img-src data:',
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
].join('; ');

/** The page at `/` of a server with own tables, as HTML. */
export function tablesPage(facts: ServerFacts): string {
  const { schema, apiPrefix } = facts;
  const pages = [
    ...(facts.hasDocuments
      ? [['/documents', 'Documents', 'the account’s documents, their locks and versions']]
      : []),
    ['/docs', 'API', 'every route, to read and to try'],
    ['/openapi.json', 'openapi.json', 'the same for programs, with these tables'],
    ['/health', 'Health', 'whether all parts of the server work'],
  ];
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="theme-color" content="#f4efe4" media="(prefers-color-scheme: light)">
<meta name="theme-color" content="#0d181d" media="(prefers-color-scheme: dark)">
<title>Tidemark</title>
<link rel="icon" href="${ICON}">
<style>${STYLE}</style>
</head>
<body>
<header>
<h1>Tidemark</h1>
<p>A sync server with its own tables runs here: apps keep their records on the device and bring them in step with it.</p>
<dl>
${fact('Release', facts.version)}
${fact('Protocol', String(PROTOCOL_VERSION))}
${fact('Schema version', String(schema.version))}
${fact('Database', facts.database === 'sqlite' ? 'SQLite' : 'PostgreSQL')}
</dl>
</header>
<main>
<h2>Pages</h2>
<ul>
${pages.map(([href, name, about]) => `<li><a href="${href}">${name}</a> <span class="soft">${about}</span></li>`).join('\n')}
</ul>
<h2>Connect an app</h2>
<ol>
<li>Add the client to an app with WatermelonDB: <pre><code>npm install @tidemark/client</code></pre></li>
<li>Print the app’s schema, migrations and models for these tables, from the file that the server was started with:
<pre><code>npx tidemark tables model tables.ts</code></pre></li>
<li>Give the client the address of this page as its server. Its routes are below <code>${escape(apiPrefix || '/')}</code>. A page from another origin needs the option <code>CORS_ORIGINS</code>.</li>
</ol>
<h2>Tables</h2>
${Object.entries(schema.tables)
  .map(([name, table]) => section(name, table))
  .join('\n')}
</main>
</body>
</html>
`;
}

function fact(name: string, value: string): string {
  return `<div><dt>${name}</dt><dd>${escape(value)}</dd></div>`;
}

const columnHeads = ['Column', 'Kind', 'What it holds']
  .map((name) => `<th role="columnheader">${name}</th>`)
  .join('');

// The roles are written out, as browsers forget them where narrow windows lay rows out as grids.
function section(name: string, table: Table): string {
  const rows = Object.entries(table.columns).map(
    ([column, declared]) =>
      `<tr role="row"><th role="rowheader"><code>${escape(column)}</code></th>` +
      `<td role="cell">${escape(declared.kind)}</td><td role="cell" class="soft">${escape(about(table, declared))}</td></tr>`,
  );
  return `<section class="sheet" aria-labelledby="table-${escape(name)}">
<h3 id="table-${escape(name)}"><code>${escape(name)}</code> <span class="soft">since version ${table.since}</span></h3>
<table role="table">
<thead role="rowgroup"><tr role="row">${columnHeads}</tr></thead>
<tbody role="rowgroup">
${rows.join('\n')}
</tbody>
</table>
</section>`;
}

/** A column in words. */
function about(table: Table, column: Column): string {
  const { references, isParent, values, maxLength, defaultValue, emptyValue } = column;
  const parts = [
    references !== undefined &&
      (isParent ? `a row of ${references}, deleted with it` : `a row of ${references}`),
    values && `one of ${values.join(', ')}`,
    maxLength !== undefined && references === undefined && `up to ${maxLength} characters`,
    column.optional && 'may be empty',
    defaultValue !== emptyValue && `at first ${String(defaultValue)}`,
    sinceOf(table, column) > table.since && `since version ${column.since}`,
  ];
  return parts.filter(Boolean).join('; ');
}

function escape(text: string): string {
  const entities: Record<string, string> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;' };
  return text.replace(/[&<>"]/g, (character) => entities[character]!);
}
