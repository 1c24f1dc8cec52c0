/** Certificate authorities and certificates for TLS tests, made by openssl in a temporary folder. */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

export interface Certificates {
  /** PEM files; `otherCa` has signed nothing. */
  readonly ca: string;
  readonly otherCa: string;
  /** Signs `subject` (a common name) and gives certificate and key as files; `names` as in subjectAltName. */
  sign(subject: string, names?: string): { readonly cert: string; readonly key: string };
  dispose(): void;
}

export function makeCertificates(): Certificates {
  const folder = mkdtempSync(join(tmpdir(), 'millrace-tls-'));
  const openssl = (...args: string[]): void => void execFileSync('openssl', args, { cwd: folder, stdio: 'pipe' });
  const authority = (name: string): string => {
    const key = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-keyout', `${name}.key`];
    openssl('req', '-x509', ...key, '-days', '2', '-subj', `/CN=${name}`, '-out', `${name}.crt`);
    return join(folder, `${name}.crt`);
  };
  const ca = authority('ca');
  const otherCa = authority('other-ca');
  const sign = (subject: string, names?: string): { cert: string; key: string } => {
    const key = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-keyout', `${subject}.key`];
    openssl('req', '-new', ...key, '-subj', `/CN=${subject}`, '-out', `${subject}.csr`);
    writeFileSync(join(folder, 'extensions'), names === undefined ? '' : `subjectAltName=${names}\n`);
    const by = ['-CA', 'ca.crt', '-CAkey', 'ca.key', '-CAcreateserial', '-days', '2', '-extfile', 'extensions'];
    openssl('x509', '-req', '-in', `${subject}.csr`, ...by, '-out', `${subject}.crt`);
    return { cert: join(folder, `${subject}.crt`), key: join(folder, `${subject}.key`) };
  };
  return { ca, otherCa, sign, dispose: () => rmSync(folder, { recursive: true, force: true }) };
}

/** The content of a PEM file. */
export function pem(file: string): string {
  return readFileSync(file, 'utf8');
}
