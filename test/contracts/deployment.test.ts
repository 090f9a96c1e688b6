import { existsSync, readFileSync } from 'node:fs';
import { load } from 'js-yaml';
import { loadConfig } from '../../src/foundation/config/config.js';
import { options } from '../../src/foundation/config/options.js';
import { parseS3Url } from '../../src/storage/drivers/s3-url.js';

interface Service {
  image?: string;
  build?: string;
  environment?: Record<string, string>;
  volumes?: string[];
  healthcheck?: { test?: string[] };
  depends_on?: Record<string, { condition: string }>;
  profiles?: string[];
}
interface Compose {
  services: Record<string, Service>;
  volumes: Record<string, unknown>;
}

const read = (path: string): string => readFileSync(path, 'utf8');
const composeText = read('docker-compose.yml');
const compose = load(composeText) as Compose;
const services = Object.entries(compose.services);
const dockerfile = read('Dockerfile');

test('the compose file brings a server, PostgreSQL, an object store and a proxy', () => {
  expect(Object.keys(compose.services).sort()).toEqual(['postgres', 'proxy', 's3', 'server']);
});

test.each(services)('service %s has an origin, a health check and storage that exists', (_name, service) => {
  expect([service.image, service.build].filter(Boolean)).toHaveLength(1);
  expect(service.image ?? 'built:here').toMatch(/^[\w./-]+:(?!latest)[\w.-]+$/);
  expect(service.healthcheck?.test?.length).toBeGreaterThan(1);
  for (const volume of service.volumes ?? []) {
    const source = volume.split(':')[0]!;
    expect(source.startsWith('.') ? existsSync(source) : source in compose.volumes).toBe(true);
  }
});

test('services wait only for services that exist, and for their health', () => {
  const waits = services.flatMap(([, service]) => Object.entries(service.depends_on ?? {}));
  expect(waits.length).toBeGreaterThan(0);
  for (const [name, { condition }] of waits) {
    expect(Object.keys(compose.services)).toContain(name);
    expect(condition).toBe('service_healthy');
  }
});

test('the server gets only options that it has, in compose and in the image', () => {
  const inImage = [...dockerfile.matchAll(/^ENV (.*)$/gm)].flatMap(
    (match) => match[1]!.match(/\w+(?==)/g) ?? [],
  );
  const inCompose = Object.keys(compose.services.server!.environment!);
  expect(inCompose).toContain('DATABASE_URL');
  const known = [...Object.keys(options), 'NODE_ENV'];
  expect([...inImage, ...inCompose].filter((name) => !known.includes(name))).toEqual([]);
});

test('the server keeps documents in the object store, and people download them through the proxy', () => {
  const { server, s3 } = compose.services;
  const env = Object.fromEntries(
    Object.entries(server!.environment!).map(([name, value]) => [name, withDefaults(value)]),
  );
  const storage = parseS3Url(env.STORAGE_URL!, loadConfig({ env }));
  expect(s3!.profiles).toBeUndefined();
  expect(Object.keys(server!.depends_on!)).toContain('s3');
  expect(storage).toMatchObject({ bucket: s3!.environment!.GARAGE_DEFAULT_BUCKET, prefix: '' });
  expect(server!.environment).toMatchObject({
    S3_ACCESS_KEY_ID: s3!.environment!.GARAGE_DEFAULT_ACCESS_KEY,
    S3_SECRET_ACCESS_KEY: s3!.environment!.GARAGE_DEFAULT_SECRET_KEY,
  });

  const [garage, caddy] = [read('deploy/garage.toml'), read('deploy/Caddyfile')];
  const port = /^api_bind_addr = ".*:(\d+)"$/m.exec(garage)![1];
  expect(storage.endpoint).toBe(`http://s3:${port}`);
  expect(garage).toContain(`s3_region = "${storage.region}"`);
  const siteAddress = withDefaults(compose.services.proxy!.environment!.SITE_ADDRESS!);
  expect(storage.publicEndpoint).toBe(`https://${siteAddress}`);
  expect(caddy).toMatch(new RegExp(`method GET\\s+path /${storage.bucket}/\\*\\s`));
  expect(caddy).toContain(`reverse_proxy s3:${port}`);
});

test('no secret has a built-in value, and .env.example names every variable', () => {
  const example = read('.env.example');
  const variables = [...composeText.matchAll(/\$\{(\w+)(:[?-])/g)].map(
    (match) => [match[1]!, match[2]!] as const,
  );
  expect(variables.length).toBeGreaterThan(4);
  for (const [name, operator] of variables) {
    expect(example).toMatch(new RegExp(`^${name}=`, 'm'));
    if (/SECRET|PASSWORD|KEY/.test(name)) {
      expect(operator).toBe(':?');
      expect(example).toMatch(new RegExp(`^${name}=$`, 'm'));
    }
  }
});

test('the image runs the server as an ordinary user and watches its health', () => {
  expect(dockerfile.match(/^FROM /gm)).toHaveLength(4);
  expect(dockerfile).toMatch(/^USER node$/m);
  expect(dockerfile).toMatch(/^HEALTHCHECK .*\\\n.*\/health\/ready/m);
});

test('everything that the image is built from is sent to the engine', () => {
  const sent = read('.dockerignore').match(/(?<=^!).+$/gm)!;
  const copied = [...dockerfile.matchAll(/^COPY (?!--from)(.+) \S+$/gm)].flatMap((match) =>
    match[1]!.split(' '),
  );
  expect(copied.length).toBeGreaterThan(5);
  for (const path of copied) {
    expect(sent.some((entry) => path === entry || path.startsWith(`${entry}/`))).toBe(true);
    expect(existsSync(path)).toBe(true);
  }
});

/** A value with its variables replaced by their defaults, or by a long enough text if they have none. */
function withDefaults(value: string): string {
  return value.replace(/\$\{\w+:([?-])([^}]*)\}/g, (_, operator: string, text: string) =>
    operator === '-' ? text : 'x'.repeat(40),
  );
}
