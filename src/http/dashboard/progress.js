const name = 'autocached';
const side = 32;
let drawn;

/** Progress of all copies, in the tab's title and icon. @param work see `workOf` */
export function showProgress(work, icon) {
  const percent = work.running.length + work.waiting.length === 0 ? null : work.percent;
  const title = percent === null ? name : `${percent}% · ${name}`;
  if (document.title !== title) document.title = title;
  if (percent === drawn) return;
  drawn = percent;
  icon.setAttribute('href', ring(percent === null ? 1 : percent / 100));
}

/** A ring that fills; whole when nothing is being copied. @param share 0 to 1 */
function ring(share) {
  const canvas = Object.assign(document.createElement('canvas'), { width: side, height: side });
  const context = canvas.getContext('2d');
  const arc = (color, part) => {
    context.beginPath();
    context.arc(side / 2, side / 2, side / 2 - 5, -Math.PI / 2, 2 * Math.PI * part - Math.PI / 2);
    context.strokeStyle = color;
    context.stroke();
  };
  context.lineWidth = 6;
  arc('#9aa7b8', 1);
  arc('#2f7be8', share);
  return canvas.toDataURL();
}
