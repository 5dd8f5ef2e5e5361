// Emoji by the names that other chat programs use.

/** Emoji by name, without the colons. */
export type Names = ReadonlyMap<string, string>;

const words = (
  '+1 👍 -1 👎 100 💯 angry 😠 apple 🍎 balloon 🎈 beer 🍺 bell 🔔 bike 🚲 birthday 🎂 blush 😊 boat ⛵ ' +
  'book 📖 boom 💥 brain 🧠 bug 🐛 bulb 💡 bus 🚌 cactus 🌵 cake 🍰 calendar 📅 camera 📷 car 🚗 cat 🐱 ' +
  'chart 📈 check ✅ cheese 🧀 clap 👏 clock 🕒 cloud ☁️ coffee ☕ computer 💻 confused 😕 cool 😎 cow 🐮 crossed_fingers 🤞 ' +
  'cry 😢 dancer 💃 dart 🎯 dog 🐶 door 🚪 ear 👂 earth 🌍 egg 🥚 envelope ✉️ eyes 👀 facepalm 🤦 fire 🔥 ' +
  'fish 🐟 flag 🏁 flower 🌸 fox 🦊 frog 🐸 ghost 👻 gift 🎁 grin 😁 grinning 😀 guitar 🎸 hammer 🔨 hand ✋ ' +
  'handshake 🤝 heart ❤️ heart_eyes 😍 hello 👋 hourglass ⏳ house 🏠 hug 🤗 joy 😂 key 🔑 kiss 😘 laughing 😆 leaf 🍃 ' +
  'lemon 🍋 lightning ⚡ lock 🔒 magnifier 🔍 man 👨 medal 🏅 megaphone 📣 memo 📝 mic 🎤 money 💰 moon 🌙 mouse 🐭 ' +
  'muscle 💪 music 🎵 neutral 😐 no ❌ ok 🆗 ok_hand 👌 owl 🦉 panda 🐼 party 🥳 pause ⏸️ pear 🍐 pencil ✏️ ' +
  'penguin 🐧 phone 📞 pin 📌 pizza 🍕 plane ✈️ plant 🌱 plus ➕ point_down 👇 point_left 👈 point_right 👉 point_up ☝️ pray 🙏 ' +
  'puzzle 🧩 question ❓ rabbit 🐰 rain 🌧️ rainbow 🌈 raised_hands 🙌 relieved 😌 robot 🤖 rocket 🚀 rofl 🤣 rose 🌹 sad 😞 ' +
  'scream 😱 seedling 🌱 shrug 🤷 sleeping 😴 slight_smile 🙂 smile 😄 smiley 😃 smirk 😏 snail 🐌 snow ❄️ sob 😭 soccer ⚽ ' +
  'sparkles ✨ star ⭐ sun ☀️ sunglasses 😎 sweat 😅 tada 🎉 tea 🍵 thinking 🤔 thumbsdown 👎 thumbsup 👍 tired 😫 tongue 😛 ' +
  'train 🚆 tree 🌳 trophy 🏆 turtle 🐢 umbrella ☂️ unicorn 🦄 upside_down 🙃 v ✌️ warning ⚠️ watch ⌚ wave 👋 wine 🍷 ' +
  'wink 😉 woman 👩 worried 😟 writing ✍️ x ❌ yes ✅ yum 😋 zap ⚡ zzz 💤'
).split(' ');

export const emoji: Names = new Map(
  Array.from({ length: words.length / 2 }, (_, index) => [words[2 * index] ?? '', words[2 * index + 1] ?? ''] as const),
);
