/**
 * Carries out a Dockerfile without Docker: every stage in a folder of its own that stands for its root. COPY and RUN are
 * done, the rest is remembered. What it does not know it refuses. Of the base images it has Node alone.
 */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, readFileSync, statSync } from 'node:fs';
import { basename, join } from 'node:path';
import { npmEnvironment } from './packed.ts';

export interface Stage {
  readonly base: string;
  /** The folder that is its root. */
  readonly root: string;
  workdir: string;
  user: string | null;
  readonly env: Record<string, string>;
  readonly ports: string[];
  entrypoint: readonly string[];
  command: readonly string[];
  healthcheck: readonly string[];
}

/** Resolves paths of an image in the stage's folder. */
export const inside = (stage: Stage, path: string): string =>
  join(stage.root, path.startsWith('/') ? path : join(stage.workdir, path));

/** Builds all stages under `folder`; the last one is the image. */
export function buildImage(context: string, folder: string): readonly Stage[] {
  const stages = new Map<string, Stage>();
  let stage: Stage | undefined;
  for (const [word, rest] of instructions(readFileSync(join(context, 'Dockerfile'), 'utf8'))) {
    if (word === 'FROM') {
      const [base = '', , name = String(stages.size)] = rest.split(/\s+/);
      const root = join(folder, name);
      mkdirSync(root);
      stage = {
        base,
        root,
        workdir: '/',
        user: null,
        env: {},
        ports: [],
        entrypoint: [],
        command: [],
        healthcheck: [],
      };
      stages.set(name, stage);
    } else {
      assert.ok(stage, `${word} before FROM`);
      carryOut(stage, { word, rest, context, stages });
    }
  }
  return [...stages.values()];
}

function instructions(text: string): (readonly [string, string])[] {
  const lines = text
    .replaceAll(/^\s*#.*\n/gm, '')
    .replaceAll(/\\\n\s*/g, '')
    .split('\n');
  return lines.flatMap((line) => {
    const match = /^(\S+)\s+(.*)$/.exec(line);
    return match === null ? [] : [[match[1] ?? '', match[2] ?? ''] as const];
  });
}

interface Instruction {
  readonly word: string;
  readonly rest: string;
  readonly context: string;
  readonly stages: ReadonlyMap<string, Stage>;
}

function carryOut(stage: Stage, { word, rest, context, stages }: Instruction): void {
  switch (word) {
    case 'WORKDIR':
      stage.workdir = rest;
      mkdirSync(inside(stage, '.'), { recursive: true });
      return;
    case 'ENV': {
      const [, name = '', value = ''] = /^(\w+)=(\S+)$/.exec(rest) ?? assert.fail(`ENV ${rest}`);
      stage.env[name] = value;
      return;
    }
    case 'COPY':
      return copy(stage, rest, { context, stages });
    case 'RUN':
      execFileSync('sh', ['-c', rest], {
        cwd: inside(stage, '.'),
        env: { ...npmEnvironment(), ...stage.env },
        stdio: 'pipe',
      });
      return;
    case 'USER':
      stage.user = rest;
      return;
    case 'EXPOSE':
      stage.ports.push(rest);
      return;
    case 'ENTRYPOINT':
      stage.entrypoint = JSON.parse(rest) as string[];
      return;
    case 'CMD':
      stage.command = JSON.parse(rest) as string[];
      return;
    case 'HEALTHCHECK':
      stage.healthcheck = JSON.parse(/ CMD (\[.*\])$/.exec(rest)?.[1] ?? '') as string[];
      return;
    default:
      assert.fail(`nobody here knows how to do ${word}`);
  }
}

function copy(
  stage: Stage,
  rest: string,
  from: { readonly context: string; readonly stages: ReadonlyMap<string, Stage> },
): void {
  const [, source, words = ''] = /^(?:--from=(\S+)\s+)?([^-].*)$/.exec(rest) ?? assert.fail(`COPY ${rest}`);
  const paths = words.split(/\s+/);
  const target = paths.pop() ?? '';
  for (const path of paths) {
    let place = join(from.context, path);
    if (source === undefined) assert.ok(isInContext(from.context, path), `.dockerignore leaves out ${path}`);
    else place = inside(from.stages.get(source) ?? assert.fail(`no stage ${source}`), path);
    const isFolder = statSync(place).isDirectory();
    const into = !isFolder && (target.endsWith('/') || existsSync(inside(stage, target)));
    cpSync(place, inside(stage, into ? join(target, basename(path)) : target), {
      recursive: true,
      verbatimSymlinks: true,
    });
  }
}

/** Of .dockerignore's language: `*` leaves out everything, `!name` lets one in. */
function isInContext(context: string, path: string): boolean {
  const [first, ...others] = readFileSync(join(context, '.dockerignore'), 'utf8').trim().split('\n');
  assert.ok(
    first === '*' && others.every((line) => /^![\w.-]+$/.test(line)),
    '.dockerignore says more than is read here',
  );
  return others.includes(`!${path.split('/')[0] ?? ''}`);
}
