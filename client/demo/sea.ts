/** Draws the demo's video at a time: the tide comes in under the moon. */
export function drawSea(canvas: HTMLCanvasElement, ms: number): void {
  const pen = canvas.getContext('2d');
  if (!pen) return;
  const { width, height } = canvas;
  const sky = pen.createLinearGradient(0, 0, 0, height);
  sky.addColorStop(0, '#0d181d');
  sky.addColorStop(1, '#1f5561');
  pen.fillStyle = sky;
  pen.fillRect(0, 0, width, height);
  const t = ms / 1_000;
  pen.fillStyle = '#f4efe4';
  pen.beginPath();
  pen.arc(width * (0.15 + (0.7 * t) / 60), height * (0.35 - 0.2 * Math.sin((Math.PI * t) / 60)), 22, 0, 7);
  pen.fill();
  const tide = height * (0.75 - (0.2 * t) / 60);
  ['#14434d', '#0f5661', '#0b6b74'].forEach((color, layer) => {
    pen.fillStyle = color;
    pen.beginPath();
    pen.moveTo(0, height);
    for (let x = 0; x <= width; x += 8) {
      const wave = Math.sin(x / (70 + 20 * layer) + t * (1.1 - 0.25 * layer) + layer);
      pen.lineTo(x, tide + layer * 26 + wave * (9 - 2 * layer));
    }
    pen.lineTo(width, height);
    pen.fill();
  });
}
