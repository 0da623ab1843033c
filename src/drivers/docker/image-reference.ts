import { OperationalError } from '../../core/errors.ts'

export interface ImageReference {
  /** With its registry, and its digest if it has one. */
  readonly name: string
  /** null: the name has a digest. */
  readonly tag: string | null
}

const REFERENCE = /^\w[\w.:/@-]*$/

/**
 * Takes an image's name apart. Without tag and digest it is `latest`: asked for no tag, an engine pulls all of them.
 * Throws IMAGE_UNAVAILABLE for what cannot be the name of an image.
 */
export function parseImage(image: string): ImageReference {
  if (!REFERENCE.test(image) || image.split('/').includes('..')) {
    throw new OperationalError('IMAGE_UNAVAILABLE', `cannot use image ${JSON.stringify(image)}: it is no image name`)
  }
  if (image.includes('@')) return { name: image, tag: null }
  const colon = image.lastIndexOf(':')
  // A colon before a slash is the port of a registry.
  if (colon === -1 || image.indexOf('/', colon) !== -1) return { name: image, tag: 'latest' }
  return { name: image.slice(0, colon), tag: image.slice(colon + 1) }
}
