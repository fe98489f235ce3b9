// The page of the API in a real browser: node check.mjs http://127.0.0.1:8080
import puppeteer from "puppeteer-core";

const [base] = process.argv.slice(2);
const ROUNDS = 5;
const MOST_MS = 2000;

const browser = await puppeteer.launch({ executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
  args: ["--no-sandbox"] });
let failed = 0;
const expect = (what, good, seen = "") => {
  console.log(`${good ? "ok  " : "FAIL"} ${what} ${seen}`);
  failed += good ? 0 : 1;
};

const times = [];
for (let round = 0; round < ROUNDS; round += 1) {
  // A context of its own: nothing of the page is cached.
  const context = await browser.createBrowserContext();
  const page = await context.newPage();
  const elsewhere = [];
  let bytes = 0;
  const session = await page.createCDPSession();
  await session.send("Network.enable");
  session.on("Network.loadingFinished", (event) => { bytes += event.encodedDataLength; });
  page.on("request", (request) => { if (!/^data:/.test(request.url()) && !request.url().startsWith(base)) elsewhere.push(request.url()); });

  const start = performance.now();
  await page.goto(`${base}/docs/`);
  await page.waitForSelector(".opblock-tag");
  await page.evaluate(() => new Promise((done) => requestAnimationFrame(() => setTimeout(done))));
  times.push(performance.now() - start);

  const open = await page.$$eval(".opblock", (blocks) => blocks.length);
  const tags = await page.$$eval(".opblock-tag", (found) => found.length);
  const search = await page.$("input[type=search], .filter input, input[type=text]");
  if (round === 0) {
    expect("the operations are folded", open === 0, `${tags} groups`);
    expect("there is a search box", search !== null);
    expect("nothing from elsewhere", elsewhere.length === 0, elsewhere.join(" "));
    console.log(`     ${bytes} bytes`);
  }
  await context.close();
}
times.sort((a, b) => a - b);
const median = times[Math.floor(ROUNDS / 2)];
expect(`the page is there within ${MOST_MS} ms`, median <= MOST_MS,
  times.map((time) => `${Math.round(time)} ms`).join(", "));
await browser.close();
process.exit(failed ? 1 : 0);
