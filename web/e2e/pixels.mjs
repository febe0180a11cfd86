import { readFileSync } from 'node:fs'
import jsQR from 'jsqr'

/** pixels draws a picture on a canvas of the page and reads it back. */
const pixels = (page, png) => page.evaluate(async (src) => {
  const img = new Image()
  img.src = src
  await img.decode()
  const canvas = Object.assign(document.createElement('canvas'), { width: img.width, height: img.height })
  const c = canvas.getContext('2d')
  c.drawImage(img, 0, 0)
  return { width: img.width, height: img.height, data: [...c.getImageData(0, 0, img.width, img.height).data] }
}, `data:image/png;base64,${png.toString('base64')}`)

/** readQr photographs a QR code on the page, as a phone would, and returns what it says. */
export async function readQr(page, picture) {
  await picture.waitFor()
  await picture.evaluate((img) => img.decode())
  const { data, width, height } = await pixels(page, await picture.screenshot({ animations: 'disabled', scale: 'css' }))
  return jsQR(Uint8ClampedArray.from(data), width, height)?.data
}

/** downloaded presses a button and returns name and text of the file that comes. */
export async function downloaded(page, button) {
  const [d] = await Promise.all([page.waitForEvent('download'), button.click()])
  return { name: d.suggestedFilename(), text: readFileSync(await d.path(), 'utf8') }
}
