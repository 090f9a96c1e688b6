const { getDefaultConfig } = require('expo/metro-config');
const path = require('node:path');

const client = path.resolve(__dirname, '../client');
const protocol = path.resolve(__dirname, '../src/protocol');
const config = getDefaultConfig(__dirname);

// The client and the wire contract are used as sources. They lie outside this folder, and import files by the names they
// have once compiled (`./columns.js`).
config.watchFolders = [...(config.watchFolders ?? []), client, protocol];
config.resolver.resolveRequest = (context, name, platform) => {
  if (name === '@tidemark/client') {
    return { type: 'sourceFile', filePath: path.join(client, 'src/index.ts') };
  }
  const isOurs = [client, protocol].some((folder) => context.originModulePath.startsWith(folder + path.sep));
  if (name.startsWith('.') && (isOurs || name.includes('/src/protocol/'))) {
    return context.resolveRequest(context, name.replace(/\.js$/, ''), platform);
  }
  if (isOurs) {
    // Packages come from this folder: a second copy beside the client would be another database and another socket.
    const originModulePath = path.join(__dirname, 'index.ts');
    return context.resolveRequest({ ...context, originModulePath }, name, platform);
  }
  return context.resolveRequest(context, name, platform);
};

module.exports = config;
