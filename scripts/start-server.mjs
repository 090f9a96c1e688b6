// `npm run start:server`: the server without the web app.
process.env.WEB_DIR ||= 'off';
await import('./serve.mjs');
