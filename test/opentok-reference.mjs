// OpenTok's reference as lists of names: from the type definitions of @opentok/client, of the first version, which has none, and
// from docs/opentok.md. A member's
// name is `Session.publish`, an event's `Session:streamCreated`; their own members follow a dot, as in
// `Session:streamCreated.stream`.
import { readFile } from 'node:fs/promises';
import { parseAst } from './opentok-pages/node_modules/rolldown/dist/parse-ast-index.mjs';

const definitions = new URL('opentok-pages/node_modules/@opentok/client/dist/js/opentok.d.ts', import.meta.url);
const page = new URL('../docs/opentok.md', import.meta.url);

/** Returns the names of all members in the type definitions. */
export async function definedNames() {
  const { body } = parseAst(await readFile(definitions, 'utf8'), { lang: 'dts' });
  const declarations = body[0].body.body.map((each) => each.declaration ?? each);
  const bases = new Map(declarations.filter(({ type, superClass }) => type === 'ClassDeclaration' && !superClass).map((each) => [each.id.name, each]));
  const names = new Set();

  /** Adds the members of a type's literals, also of those in arrays, promises, unions and intersections. */
  const addType = (name, node, separator = '.') => {
    switch (node?.type) {
      case 'TSTypeAnnotation':
        return addType(name, node.typeAnnotation, separator);
      case 'TSTypeLiteral':
        return node.members.forEach((member) => addMember(`${name}${separator}`, member));
      case 'TSIntersectionType':
      case 'TSUnionType':
        return node.types.forEach((each) => addType(name, each, separator));
      case 'TSParenthesizedType':
        return addType(name, node.typeAnnotation, separator);
      case 'TSTypeReference':
        if (/^(Array|Promise|Partial)$/.test(node.typeName.name)) node.typeArguments?.params.forEach((each) => addType(name, each, separator));
    }
  };

  const addCall = (name, { params, returnType }) => {
    names.add(name);
    for (const param of params) {
      const literal = param.typeAnnotation?.typeAnnotation;
      if (literal?.type === 'TSTypeLiteral') for (const { key } of literal.members) names.add(`${name}({${key.name}})`);
    }
    addType(`${name}()`, returnType);
  };

  const addMember = (prefix, member) => {
    if (member.type === 'TSCallSignatureDeclaration') return;
    const name = prefix + member.key.name;
    if (member.value?.params ?? member.params) return addCall(name, member.value ?? member);
    names.add(name);
    addType(name, member.typeAnnotation);
  };

  const addClass = ({ id, body, superClass, superTypeArguments }) => {
    if (bases.has(id.name) && /Emitter$/.test(id.name)) return;
    const own = superClass ? [...body.body, ...bases.get(superClass.name).body.body] : body.body;
    for (const member of own) addMember(`${id.name}.`, member);
    for (const events of superTypeArguments?.params ?? []) addType(id.name, events, ':');
  };

  for (const each of declarations) {
    if (each.type === 'ClassDeclaration') addClass(each);
    else if (each.type === 'TSDeclareFunction') addCall(`OT.${each.id.name}`, each);
    else if (each.type === 'TSTypeAliasDeclaration') addType(each.id.name, each.typeAnnotation);
    else if (each.type === 'TSInterfaceDeclaration') each.body.body.forEach((member) => addMember(`${each.id.name}.`, member));
    else if (each.type === 'TSModuleDeclaration') names.add(`OT.${each.id.name}.${each.body.body[0].declarations[0].id.name}`);
  }
  return names;
}

/** The names of the first version's reference (0.91), by their beginnings. Its pages are no longer where they were. */
const firstVersion = {
  'TB.': 'HAS_REQUIREMENTS NOT_HAS_REQUIREMENTS addEventListener checkSystemRequirements initDeviceManager initPublisher initRecorderManager initSession log removeEventListener reportIssue setLogLevel upgradeSystemRequirements',
  'Session of TB.':
    'addEventListener capabilities.playback capabilities.publishH264 capabilities.record closeArchive connect connect({detectConnectionQuality}) createArchive disconnect forceDisconnect forceUnpublish getStateManager loadArchive publish removeEventListener signal startRecording stopRecording subscribe unpublish unsubscribe',
  'Session of TB:':
    'archiveClosed archiveCreated archiveLoaded archiveSaved connectionCreated connectionDestroyed microphoneLevelChanged playbackStarted playbackStopped sessionConnected sessionDisconnected sessionRecordingStarted sessionRecordingStopped signalReceived streamCreated streamDestroyed streamPropertyChanged',
  'Publisher and Subscriber of TB.':
    'accessAllowed accessDenied changeOrientation detectDevices deviceInactive echoCancellationModeChanged getEchoCancellationMode getMicrophoneGain invalidDeviceName microphoneActivityLevel microphoneGainChanged resize setCamera setMicrophone setMicrophoneGain settingsButtonClick',
  'Session.': 'capabilities.forceDisconnect capabilities.forceUnpublish capabilities.publish capabilities.subscribe connection getPublisherForStream getSubscribersForStream sessionId',
  'Publisher.': 'destroy getImgData getStyle id publishAudio publishVideo session setStyle',
  'Subscriber.': 'getAudioVolume getImgData getStyle id setAudioVolume setStyle stream subscribeToAudio subscribeToVideo',
  'Stream.': 'connection creationTime hasAudio hasVideo name orientation quality startRecording stopRecording streamId type',
  'Connection.': 'connectionId creationTime data quality',
  'Archive.': 'archiveId getStateManager startPlayback stopPlayback title type',
  'DeviceManager.': 'addEventListener detectDevices devicesDetected displayPanel removeEventListener removePanel showCamSettings showMicSettings',
  'RecorderManager.': 'displayPlayer displayRecorder removePlayer removeRecorder',
  'OT_Widget.': 'init',
  'OT_LayoutContainer.': 'addStream init layout removeStream',
};

/** Returns the names of all members of the first version. */
export function firstNames() {
  return Object.entries(firstVersion).flatMap(([prefix, names]) => names.split(' ').map((name) => prefix + name));
}

/** Returns the beginning of names below a heading. */
function prefixOf(heading) {
  if (['Other types', 'Statistics', 'Other classes of TB'].includes(heading)) return '';
  if (heading === 'REST') return 'REST ';
  const [, events, of] = /^(Events of )?(.*)$/.exec(heading);
  return of + (events ? ':' : '.');
}

/** Returns the rows of the reference in docs/opentok.md, each with `names`, `status` and `note`. */
export async function documentedRows() {
  const [, reference] = (await readFile(page, 'utf8')).split('## The reference, member by member\n');
  const rows = [];
  for (const section of reference.split('\n### ').slice(1)) {
    const heading = section.slice(0, section.indexOf('\n'));
    const prefix = prefixOf(heading);
    for (const [, members, status, note] of section.matchAll(/^\| (`.*`) \| ([a-z ]+) \| (.*) ?\|$/gm)) {
      const names = [];
      let last = '';
      for (const [, member] of members.matchAll(/`([^`]+)`/g)) {
        const belongs = /^(\.|\(\))/.test(member);
        if (!belongs) last = prefix + member;
        names.push(belongs ? last + member : last);
      }
      rows.push({ names, status, note: note.trim() });
    }
  }
  return rows;
}
