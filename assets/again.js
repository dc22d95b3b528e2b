//@ts-check
// Stands in the head of each page. Where the network of the machine changes while a page loads, as it does
// when containers come and go, a browser drops what is on its way: then the page is loaded again.

addEventListener(
  'error',
  ({ target }) => {
    const isPart = target instanceof HTMLLinkElement || target instanceof HTMLScriptElement;
    if (isPart) setTimeout(() => location.reload(), 500);
  },
  true,
);
