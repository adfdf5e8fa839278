import type { Drawing, Form, Shape } from '../../envs/drawing.ts';
import { inkColour } from '../../pictures/colours.ts';

/**
 * Draws an observation on a canvas, as large as the page has room for and in its middle. Shapes whose place is not finite
 * are left out.
 */
export function drawPicture(
  canvas: HTMLCanvasElement,
  { view, draw }: Drawing,
  observation: ArrayLike<number>,
): void {
  canvas.style.aspectRatio = `${view.width} / ${view.height}`;
  const ratio = window.devicePixelRatio;
  const [width, height] = [canvas.clientWidth, canvas.clientHeight].map((x) => Math.round(x * ratio)) as [
    number,
    number,
  ];
  // Set only where it changes: it clears the canvas and lays out the page.
  if (canvas.width !== width || canvas.height !== height) Object.assign(canvas, { width, height });
  const context = canvas.getContext('2d');
  if (!context) return;
  const scale = Math.min(width / view.width, height / view.height);
  const left = (width - scale * view.width) / 2 - scale * view.left;
  const bottom = (height + scale * view.height) / 2 + scale * view.bottom;
  context.setTransform(1, 0, 0, 1, 0, 0);
  context.clearRect(0, 0, width, height);
  for (const shape of draw(observation)) {
    // The world's y points up.
    context.setTransform(scale, 0, 0, -scale, left, bottom);
    drawShape(context, shape);
  }
}

function drawShape(context: CanvasRenderingContext2D, { form, ink, at = [0, 0], angle = 0 }: Shape): void {
  if (![...at, angle].every(Number.isFinite)) return;
  context.translate(...(at as [number, number]));
  context.rotate(angle);
  context.fillStyle = inkColour(ink);
  context.strokeStyle = context.fillStyle;
  context.beginPath();
  outline(context, form);
  if (form.kind === 'line') {
    context.lineWidth = form.width;
    context.lineCap = 'round';
    context.lineJoin = 'round';
    context.stroke();
  } else {
    context.fill();
  }
}

function outline(context: CanvasRenderingContext2D, form: Form): void {
  if (form.kind === 'circle') context.arc(...(form.centre as [number, number]), form.radius, 0, 2 * Math.PI);
  else if (form.kind === 'cells') for (const [x, y] of form.cells) context.rect(x, y, 1, 1);
  else for (const [x, y] of form.points) context.lineTo(x, y);
}
