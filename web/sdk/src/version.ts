/** The version of this script. It is that of the server that it comes with, and of this package. */
export const version = '0.1.0';
