const {
  withAppBuildGradle,
  withDangerousMod,
  withMainApplication,
  withSettingsGradle,
} = require('expo/config-plugins');
const { readFile, writeFile } = require('node:fs/promises');
const path = require('node:path');

// On iOS everything is linked by itself. On Android so is the database, but not its fast path to JavaScript (JSI):
// a second library, which has to be included, depended on, kept by ProGuard and registered by hand.

const MODULE = ':watermelondb-jsi';
const PACKAGE = 'com.nozbe.watermelondb.jsi.WatermelonDBJSIPackage';

/** Puts `added` behind `anchor`, once. Throws when the anchor is missing: a new template needs a new plugin. */
function addBehind(text, file, anchor, added) {
  if (text.includes(added)) return text;
  if (!anchor.test(text)) {
    throw new Error(
      `${file} has no ${anchor}: plugins/with-watermelondb-jsi.js no longer fits this Expo release.`,
    );
  }
  return text.replace(anchor, (found) => found + added);
}

const withIncludedModule = (config) =>
  withSettingsGradle(config, ({ modResults, ...rest }) => {
    const at = '../node_modules/@nozbe/watermelondb/native/android-jsi';
    modResults.contents = addBehind(
      modResults.contents,
      'settings.gradle',
      /include ':app'/,
      `\ninclude '${MODULE}'\nproject('${MODULE}').projectDir = new File(rootProject.projectDir, '${at}')`,
    );
    return { ...rest, modResults };
  });

const withDependency = (config) =>
  withAppBuildGradle(config, ({ modResults, ...rest }) => {
    modResults.contents = addBehind(
      modResults.contents,
      'app/build.gradle',
      /\ndependencies \{/,
      `\n    implementation project('${MODULE}')`,
    );
    return { ...rest, modResults };
  });

const withRegisteredPackage = (config) =>
  withMainApplication(config, ({ modResults, ...rest }) => {
    modResults.contents = addBehind(
      modResults.contents,
      'MainApplication.kt',
      /PackageList\(this\)\.packages\.apply \{/,
      `\n          add(${PACKAGE}())`,
    );
    return { ...rest, modResults };
  });

const withKeptClasses = (config) =>
  withDangerousMod(config, [
    'android',
    async (result) => {
      const file = path.join(result.modRequest.platformProjectRoot, 'app/proguard-rules.pro');
      const rule = '\n-keep class com.nozbe.watermelondb.** { *; }\n';
      const rules = await readFile(file, 'utf8');
      if (!rules.includes(rule)) await writeFile(file, rules + rule);
      return result;
    },
  ]);

/** Makes Android builds use WatermelonDB over JSI. */
module.exports = (config) =>
  [withIncludedModule, withDependency, withRegisteredPackage, withKeptClasses].reduce(
    (result, edit) => edit(result),
    config,
  );
