/** This program's version, written into claims. */
export const VERSION = '0.1.0';
