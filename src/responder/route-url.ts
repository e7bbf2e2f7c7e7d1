/**
 * Finds the URL that the router knows for the URL of a request. Some proxies and HTTP clients repeat a slash,
 * append one, or keep the path of PUBLIC_URL in front of the route. The query stays as it is.
 * @param publicUrl PUBLIC_URL, without a slash at its end
 */
export function routeUrlResolver(publicUrl?: string): (url: string) => string {
  const basePath = publicUrl === undefined ? '' : new URL(publicUrl).pathname.replace(/\/+$/, '')
  return (url) => {
    // The origin is there when a proxy sends the absolute form (RFC 9112, 3.2.2).
    const [, origin = '', path = '', query = ''] = /^(https?:\/\/[^/?#]*)?([^?#]*)(.*)$/s.exec(url) ?? []
    let route = path.replace(/\/{2,}/g, '/')
    if (route.startsWith(`${basePath}/jit/`)) route = route.slice(basePath.length)
    if (route.length > 1 && route.endsWith('/')) route = route.slice(0, -1)
    return origin + route + query
  }
}
