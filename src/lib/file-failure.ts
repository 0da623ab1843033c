const WORDS: Readonly<Record<string, string>> = {
  EACCES: 'permission denied',
  EISDIR: 'it is a directory',
  ELOOP: 'its links lead in a circle',
  ENAMETOOLONG: 'its name is too long',
  ENOENT: 'there is no such file',
  ENOSPC: 'the disk is full',
  ENOTDIR: 'a part of its path is no directory',
  EPERM: 'the system does not allow it',
  EROFS: 'that file system can only be read',
}

/** What a code of the file system means, in words; the code itself where it is none that is known. */
export function fileFailure(code: string): string {
  return WORDS[code] ?? code
}
