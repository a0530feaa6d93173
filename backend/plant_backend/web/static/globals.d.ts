// What the libraries put on the window, as far as it is used here.

interface Window {
  htmx: { ajax(method: string, url: string, options: { target: Element; swap: string }): Promise<void>; process(element: Element): void };
  uPlot: any;
}
