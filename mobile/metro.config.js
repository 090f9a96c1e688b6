const { getDefaultConfig } = require('expo/metro-config');
const path = require('node:path');

const protocol = path.resolve(__dirname, '../src/protocol');
const config = getDefaultConfig(__dirname);

// The wire contract is the server's own source: it lies outside this folder, and imports its files by the names they
// have once compiled (`./columns.js`).
config.watchFolders = [...(config.watchFolders ?? []), protocol];
config.resolver.resolveRequest = (context, name, platform) => {
  const isOurs = context.originModulePath.startsWith(protocol + path.sep) || name.includes('/src/protocol/');
  if (isOurs && name.startsWith('.')) {
    return context.resolveRequest(context, name.replace(/\.js$/, ''), platform);
  }
  if (isOurs) {
    // What the compiler adds to these files is installed here, not beside them.
    return context.resolveRequest(
      { ...context, originModulePath: path.join(__dirname, 'index.ts') },
      name,
      platform,
    );
  }
  return context.resolveRequest(context, name, platform);
};

module.exports = config;
